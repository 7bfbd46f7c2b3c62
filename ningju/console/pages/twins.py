"""The same need in twice: open requests that the same person seems to have made for the same service."""

from engine.ports import NewCommand, RequestQuery, Store
from schemas.commands import SubmitRequest
from schemas.person import Person
from schemas.request import RequestSpec
from schemas.views import RequestView

SHOWN = 5
COMPARED = 2_000
SHORTEST_PHONE = 6


async def twins(store: Store, new: NewCommand) -> list[RequestView]:
    """Open requests that a request which is not taken in yet may be the twin of.

    The same code is the same person. Without one it is who has the same phone, or the same name at the same address,
    or, where no address is known, at the same site.
    """
    asked = new.envelope.command
    if not isinstance(asked, SubmitRequest):
        return []
    spec, found = asked.spec, list[RequestView]()
    if spec.beneficiary is not None:
        query = RequestQuery(
            beneficiary=spec.beneficiary, service_type=spec.service_type, only_open=True, limit=SHOWN + 1
        )
        found += (await store.requests(query)).rows
    for who in new.persons:
        rows = await store.asked_for(spec.service_type, COMPARED)
        found += [row for row, other in rows if _same(who, other, spec, row)]
    by_id = {row.request_id: row for row in found if row.request_id != spec.request_id}
    return list(by_id.values())[:SHOWN]


def _same(who: Person, other: Person, spec: RequestSpec, row: RequestView) -> bool:
    phone = _digits(who.phone)
    if len(phone) >= SHORTEST_PHONE and phone == _digits(other.phone):
        return True
    if not who.name or _plain(who.name) != _plain(other.name):
        return False
    if who.address and other.address:
        return _plain(who.address) == _plain(other.address)
    return spec.site is not None and spec.site == row.site


def _digits(phone: str) -> str:
    """A number as it is dialled within the country."""
    return "".join(sign for sign in phone if sign.isdecimal()).removeprefix("0086").removeprefix("86")


def _plain(text: str) -> str:
    return "".join(text.split()).casefold()
