"""A new request by phone: where, what and when in words that a person uses, and at once who could do it."""

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

from pydantic import ValidationError
from starlette.responses import Response

from engine.ports import NewCommand
from ningju.console.callers import Caller
from ningju.console.pages.frame import AtFrame, Frame
from ningju.console.pages.life import WRONG_WINDOW, because, read_window
from ningju.console.pages.orders import Form, form_of, told
from ningju.console.pages.routing import pages
from ningju.console.pages.twins import twins
from ningju.console.problems import Problem, faults_of
from ningju.console.requests import admitted
from ningju.console.sending import send, verdict
from schemas.base import derive_id
from schemas.catalogue import ServiceType, Site
from schemas.explanation import Explanation
from schemas.intake import RequestIn
from schemas.place import Place, TimeWindow
from schemas.views import RequestView

router = pages()

DAYS = 7
PARTS = ((time(8), time(12), "morning"), (time(13), time(17), "afternoon"), (time(18), time(20), "evening"))
WORDS = {"morning": "{day}, in the morning", "afternoon": "{day}, in the afternoon", "evening": "{day}, in the evening"}
SHORTEST = timedelta(hours=1)
FIELDS = (
    "site",
    "lon",
    "lat",
    "service",
    "when",
    "start",
    "end",
    "name",
    "phone",
    "address",
    "tier",
    "note",
    "priority",
    "code",
)
FAULTS = {
    "service_type": "Choose a service.",
    "windows": "This time cannot be: it has passed, or is too short for the service.",
    "beneficiary": "The beneficiary was not understood.",
    "site": "Choose a site.",
    "place": "Choose a site.",
}


class _Twice(Exception):
    """The need may be in already, and nobody has been told so yet."""

    def __init__(self, same: Sequence[RequestView]) -> None:
        super().__init__()
        self.same = same


@router.get("/new")
async def begin(frame: AtFrame) -> Response:
    """The form; a site that the address names is chosen."""
    return _page(frame, {name: frame.request.query_params.get(name, "") for name in FIELDS})


@router.post("/new")
async def take_in(frame: AtFrame) -> Response:
    """Say who could do it, or take the request in."""
    form = await form_of(frame)
    told_so_far = {name: form.one(name) for name in FIELDS}
    need, faults = _need(frame, form)
    if need is None:
        return _page(frame, told_so_far, faults=faults)
    key = form.one("key")[:64] or uuid4().hex
    caller = Caller(frame.viewer.actor, key, None, frame.request.url.path)

    async def build(command_id: UUID) -> NewCommand:
        new = await admitted(frame.site, caller, need, command_id)
        same = await twins(frame.site.store, new)
        if {str(row.request_id) for row in same} - set(form.many("twin")):
            raise _Twice(same)
        return new

    try:
        if form.one("sure") != "yes":
            new = await admitted(frame.site, caller, need, caller.command_id())
            same = await twins(frame.site.store, new)
            return _page(frame, told_so_far, could=await _who_could(frame, new), same=same)
        enqueued = await send(frame.site, caller, need, build)
    except _Twice as twice:
        return _page(frame, told_so_far, same=twice.same)
    except Problem as problem:
        if problem.status != 422:
            raise
        wrong = ((fault["field"], fault["reason"]) for fault in problem.facts.get("errors", ()))
        return _page(frame, told_so_far, faults=_worded(frame, wrong))
    await verdict(frame.site, caller, enqueued)
    request_id = derive_id("request", enqueued.command_id)
    if await frame.site.store.request(request_id):
        return frame.go(told(f"/request/{request_id}", enqueued.command_id))
    return frame.go(told("/queue?order=newest", enqueued.command_id))


async def _who_could(frame: Frame, new: NewCommand) -> Explanation | None:
    """Explain the request as if it were here; nothing is written."""
    imagine = frame.site.services.imagine
    if imagine is None:
        return None
    envelope = new.envelope
    return await imagine(envelope.zone, envelope.command, envelope.correlation_id)


def _need(frame: Frame, form: Form) -> tuple[RequestIn | None, list[str]]:
    window = read_window(frame, form) if form.one("start") or form.one("end") else _spoken(frame, form.one("when"))
    if window is None:
        return None, [frame.say(WRONG_WINDOW)]
    priority, tier = form.one("priority"), form.one("tier")
    person = {name: form.one(name) for name in ("name", "phone", "address")}
    fields: dict[str, Any] = {
        "service_type": form.one("service"),
        "site": form.one("site") or None,
        "place": read_place(form.one("lon"), form.one("lat")),
        "windows": (window,),
        "note": form.one("note"),
        "source": "phone",
    }
    if any(person.values()) or form.one("code"):
        fields["beneficiary"] = person | {
            "id": form.one("code") or None,
            "tier": int(tier) if tier in "12345" and tier else 0,
        }
    if priority and priority in "12345":
        fields["priority"] = int(priority)
    try:
        return RequestIn(**fields), []
    except ValidationError as error:
        return None, _worded(frame, ((fault.field, fault.reason) for fault in faults_of(error)))


def read_place(lon: str, lat: str) -> Place | None:
    """A place as a map or a form says it."""
    try:
        return Place(lon=float(lon), lat=float(lat))
    except ValueError:
        return None


def _worded(frame: Frame, faults: Iterable[tuple[str, str]]) -> list[str]:
    said = []
    for field, reason in faults:
        english = FAULTS.get(field.partition(".")[0])
        said.append(frame.say(english) if english else f"{field}: {reason}")
    return list(dict.fromkeys(said))


def _spoken(frame: Frame, text: str) -> TimeWindow | None:
    """The window that stands behind the words."""
    return next((window for value, _, window in _times(frame) if value == text), None)


def _times(frame: Frame) -> list[tuple[str, str, TimeWindow]]:
    """Windows of the next days in words."""
    found = []
    for ahead in range(DAYS):
        day = frame.moments.today + timedelta(days=ahead)
        for first, last, part in PARTS:
            start, end = (datetime.combine(day, at, frame.zone) for at in (first, last))
            start = max(start, frame.now.astimezone(frame.zone).replace(second=0, microsecond=0))
            if end - start < SHORTEST:
                continue
            words = frame.say(WORDS[part], day=frame.moments.day(day))
            found.append((f"{day}/{part}", words, TimeWindow(start=start, end=end)))
    return found


def _page(
    frame: Frame,
    filled: dict[str, str],
    *,
    faults: list[str] | None = None,
    could: Explanation | None = None,
    same: Sequence[RequestView] = (),
) -> Response:
    site = frame.directory.sites.get(filled["site"])
    place = read_place(filled["lon"], filled["lat"])
    zone = site.zone if site is not None else frame.directory.zone_at(place) if place is not None else None
    common, featured = _lists(frame, zone, site)
    asked_beside = "hx-request" in frame.request.headers  # who could do it is asked for while the form is filled in
    return frame.page(
        "new.html",
        422 if faults and not asked_beside else 200,
        title="New request",
        filled=filled,
        site=site,
        place=place,
        zone=zone if zone in frame.views else None,
        sites=_sites(frame),
        common=common,
        featured=featured,
        times=[(value, words) for value, words, _ in _times(frame)],
        faults=faults or [],
        could=could,
        because=because(frame, could) if could is not None else "",
        same=same,
    )


def _sites(frame: Frame) -> list[tuple[str, list[Site]]]:
    by_zone: dict[str, list[Site]] = {}
    for one in frame.directory.sites.values():
        by_zone.setdefault(one.zone, []).append(one)
    return [(zone, sorted(by_zone[zone], key=lambda one: one.name.zh)) for zone in frame.views if zone in by_zone]


def _lists(frame: Frame, zone: str | None, site: Site | None) -> tuple[list[ServiceType], list[ServiceType]]:
    """The site's two lists, or the zone's: what everybody offers, and what is offered here alone."""
    if zone not in frame.views or zone is None:
        return [], []
    items = frame.views[zone].service_types
    own = {zone} if site is None else {zone, site.id}
    listed = () if site is None else site.featured
    common = [item for item in items if item.featured_by is None]
    return common, [item for item in items if item.featured_by in own or item.id in listed]
