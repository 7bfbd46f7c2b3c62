"""Names, phones and addresses: shown to those who need them, with a note of who saw whose; codes for everybody else."""

from collections.abc import Iterable
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from engine.ports import Look
from ningju.console.access import SignedIn, User
from ningju.console.problems import not_found
from ningju.console.sending import API
from ningju.console.services import AtSite, Site
from schemas.person import Person
from schemas.views import RequestView

router = APIRouter(prefix=API, tags=["requests"])


async def seen(site: Site, user: User, ids: Iterable[str], request_id: UUID | None = None) -> dict[str, Person]:
    """Give the data of persons, as far as the user may see it, and write down that they did before they do.

    Returns
    -------
    dict
        Persons by id; whom the user may not see, or whose data is erased, has the id alone.
    """
    wanted = list(dict.fromkeys(ids))
    if not user.sees_persons:
        return {name: Person(id=name) for name in wanted}
    found = {name: person for name in wanted if (person := await site.store.person(name)) is not None}
    await site.store.note_looks([Look(user.actor.key, name, request_id, site.clock.now()) for name in found])
    return {name: found.get(name, Person(id=name)) for name in wanted}


async def letter_seen(site: Site, user: User, number: int) -> None:
    """Write down that somebody reads a dead letter, before they do: whoever it is about may stand in it by name."""
    await site.store.note_looks([Look(user.actor.key, f"letter:{number}", None, site.clock.now())])


async def staff(site: Site, ids: Iterable[str]) -> dict[str, str]:
    """Give the names of those who have signed in, by their ids: who did something is told to whoever may ask that."""
    found = {}
    for name in dict.fromkeys(ids):
        if await site.store.account(name) is not None and (person := await site.store.person(name)) is not None:
            found[name] = person.name
    return found


def involved(rows: Iterable[RequestView]) -> list[str]:
    """Persons of a request: who is helped, and who goes or is asked to."""
    names: dict[str, None] = {}
    for row in rows:
        seats = row.visit.seats if row.visit is not None else ()
        names.update(dict.fromkeys(name for name in (row.beneficiary, *(seat.volunteer for seat in seats)) if name))
    return list(names)


@router.get("/requests/{request_id}/people")
async def people(site: AtSite, user: SignedIn, request_id: UUID) -> Response:
    """Who is helped and who goes: names and phones for those who plan, codes alone for the others. Looking is written down."""
    rows = await site.store.request(request_id)
    if not rows:
        raise not_found("request", request_id)
    found = await seen(site, user, involved(rows), request_id)
    people = [person.model_dump(mode="json", exclude_defaults=True) for person in found.values()]
    return JSONResponse({"masked": not user.sees_persons, "people": people})
