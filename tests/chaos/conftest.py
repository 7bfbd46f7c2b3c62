from collections.abc import Iterator
from itertools import count

import psycopg
import pytest

from tests.chaos.processes import cleared
from tests.ledger.conftest import postgres_server  # noqa: F401 - a fixture, shared with the ledger's contract suite

_numbers = count()


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Iterator[str]:
    """Name of this test's run; whatever bears it at the end is killed."""
    with cleared(f"{request.node.name}-{next(_numbers)}") as name:
        yield name


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """Address of a new database on the session's PostgreSQL."""
    address = str(request.getfixturevalue("postgres_server"))
    name = f"chaos_{next(_numbers)}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return address.replace("/postgres?", f"/{name}?")
