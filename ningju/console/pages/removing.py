"""A person, a team, a service or a site is removed, after the preview of whom that concerns."""

from typing import Any

from starlette.responses import Response

from engine.intake import Fault
from ningju.console.pages.frame import AtFrame, Frame
from ningju.console.pages.orders import form_of
from ningju.console.pages.preview import EVERYWHERE, Kind, Wish, preview
from ningju.console.pages.routing import pages
from ningju.console.problems import invalid

router = pages()

LISTS: dict[Kind, tuple[str, ...]] = {"people": ("teams", "volunteers"), "catalogue": ("service_types", "sites")}


@router.post("/people/remove")
async def remove_from_roster(frame: AtFrame) -> Response:
    """Show what would become of it if a team or a person left."""
    return await _shown(frame, "people")


@router.post("/catalogue/remove")
async def remove_from_catalogue(frame: AtFrame) -> Response:
    """Show what would become of it if a service or a site left."""
    return await _shown(frame, "catalogue")


async def _shown(frame: Frame, kind: Kind) -> Response:
    form = await form_of(frame)
    zone, what = form.one("zone"), form.one("what")
    if what not in LISTS[kind] or not zone:
        raise invalid([Fault("what", "list", "is no list of this page")])
    name, faults = form.one("id"), list[dict[str, Any]]()
    if what == "teams" and zone in frame.views:
        _, people = await frame.site.store.roster(zone)
        if any(view.volunteer.team == name for view in people):
            faults.append({"list": what, "id": name, "field": "id", "code": "has_members", "reason": "has members"})
    everywhere = what == "service_types" and form.one("everywhere") == "yes"
    lists: dict[str, dict[str, Any]] = {EVERYWHERE if everywhere else zone: {f"removed_{what}": [name]}}
    wish = Wish(kind=kind, lists=lists, back=f"/{kind}?zone={zone}", faults=tuple(faults))
    return await preview(frame, wish)
