"""Personal data: the one model that carries it. It goes into the person table at the door and nowhere else."""

from typing import Annotated

from pydantic import Field

from schemas.base import Frozen, Identifier


class Person(Frozen):
    """Name, phone, address and note of a beneficiary, a volunteer or a contact; erasable."""

    id: Identifier
    name: Annotated[str, Field(max_length=200)] = ""
    phone: Annotated[str, Field(max_length=50)] = ""
    address: Annotated[str, Field(max_length=500)] = ""
    note: Annotated[str, Field(max_length=4_000)] = ""
