"""The queue: filtered, ordered, searched, page by page, all by its address; and triage of several at once."""

import re
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from starlette.responses import Response

from engine.ports import Because, Page, RequestOrder, RequestQuery, SavedView, Store
from ningju.console.pages.frame import AtFrame, Frame
from ningju.console.pages.orders import Form, form_of, number, order, queue_of, sent_before
from ningju.console.pages.reasons import because, options
from ningju.console.pages.routing import pages
from ningju.console.pages.speech import ALARMS
from ningju.console.pages.undoing import Done, undo_address, undoable
from schemas.commands import CancelRequest, ChangeRequest, Command, TriageRequest
from schemas.plan import Rule
from schemas.request import WAITING, RequestState
from schemas.views import RequestView

router = pages()

ROWS = 50
AT_ONCE = 50
MOST_KEPT = 30
LONGEST_NAME = 40
FILTERS = ("view", "q", "zone", "state", "service", "alarm", "age", "reason", "order")
ORDERS = {"urgent": "Most urgent first", "oldest": "Oldest first", "newest": "Newest first"}
AGES = {"2h": timedelta(hours=2), "1d": timedelta(days=1), "3d": timedelta(days=3), "7d": timedelta(days=7)}
LATE = "late"
"""Instead of an age: past its target."""
VIEWS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("open", "All that is open", {}),
    ("alarms", "Needs you", {"alarm": "any"}),
    ("triage", "To triage", {"state": "received"}),
    ("waiting", "Waiting longest", {"state": "queued", "order": "oldest"}),
    ("referred", "In another zone", {"state": "referred"}),
    ("ended", "Ended lately", {"state": "ended", "order": "newest"}),
)
_PREFIX = re.compile(r"[0-9a-f]{4,8}(-[0-9a-f-]{0,28})?")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")

BULK = {
    "accept": "Accept into the queue",
    "refuse": "Refuse",
    "cancel": "Cancel",
    "priority": "Change the priority",
}
NEEDS_REASON = frozenset({"refuse", "cancel", "priority"})


class Filter:
    """What the address asks for; what it asks for wrongly does not count."""

    def __init__(self, frame: Frame) -> None:
        asked = dict(frame.request.query_params)
        preset = next((fields for name, _, fields in VIEWS if name == asked.get("view")), {})
        asked = {**preset, **{name: value for name, value in asked.items() if value}}
        self.zone = asked.get("zone", "") if asked.get("zone") in frame.views else ""
        self.state = asked.get("state", "")
        if self.state not in {*map(str, RequestState), "ended", "waiting"}:
            self.state = ""
        self.service = asked.get("service", "") if _CODE.fullmatch(asked.get("service", "")) else ""
        self.alarm = asked.get("alarm", "") if asked.get("alarm") in {*ALARMS, "any"} else ""
        self.age = asked.get("age", "") if asked.get("age") in {*AGES, LATE} else ""
        self.reason = " ".join(asked.get("reason", "").split())[:64]
        self.because: Because | None = None
        self.left_out: dict[UUID, Rule] = {}
        self.text = asked.get("q", "").strip()[:64]
        self.order = asked.get("order", "") if asked.get("order") in ORDERS else ""
        self.cursor = asked.get("cursor") or None

    @property
    def states(self) -> tuple[RequestState, ...]:
        """States that are asked for; none asks for all."""
        if self.state == "ended":
            return tuple(state for state in RequestState if state.ended)
        if self.state == "waiting":
            return WAITING
        return (RequestState(self.state),) if self.state else ()

    @property
    def view(self) -> str:
        """The prepared view that this is, if it is one."""
        mine = {"state": self.state, "order": self.order, "alarm": self.alarm}
        mine = {name: value for name, value in mine.items() if value}
        if self.zone or self.service or self.age or self.reason or self.text:
            return ""
        return next((name for name, _, fields in VIEWS if fields == mine), "")

    @property
    def by_id(self) -> bool:
        """Whether the text looks like the beginning of a request's id."""
        return bool(_PREFIX.fullmatch(self.text.lower()))

    def query(self, frame: Frame, *, by_id: bool) -> RequestQuery:
        """The question to the read model."""
        states = self.states
        ended = any(state.ended for state in states)
        code = self.text if self.text and not by_id else None
        return RequestQuery(
            zone=self.zone or None,
            states=states,
            service_type=self.service or None,
            guests=bool(self.zone),
            only_open=not (ended or self.text),
            alarmed=self.alarm == "any",
            alarm=None if self.alarm in ("", "any") else self.alarm,  # type: ignore[arg-type]
            because=self.because,
            beneficiary=code if code is None or _CODE.fullmatch(code) else "-",
            id_prefix=self.text.lower() if by_id else "",
            created_before=frame.now - AGES[self.age] if self.age in AGES else None,
            due_before=frame.now if self.age == LATE else None,
            order=self._order(ended),
            cursor=self.cursor,
            limit=ROWS,
        )

    def _order(self, ended: bool) -> RequestOrder:
        if ended or self.text:
            return "oldest" if self.order == "oldest" else "newest"
        return self.order or "urgent"  # type: ignore[return-value]


async def filter_of(frame: Frame) -> Filter:
    """What the address asks for; why the last plans left requests out is looked up where a reason is asked for."""
    which = Filter(frame)
    if which.reason:
        zones = [which.zone] if which.zone else list(frame.views)
        which.because, which.left_out = await because(frame.site.store, zones, which.reason)
    return which


@router.get("/queue")
async def show(frame: AtFrame) -> Response:
    """The page."""
    which = await filter_of(frame)
    page = await _page(frame, which, by_id=which.by_id)
    if which.by_id and not page.rows:  # codes of beneficiaries may look like the beginning of an id
        page = await _page(frame, which, by_id=False)
    if len(page.rows) == 1 and which.text and which.cursor is None:
        return frame.go(f"/request/{page.rows[0].request_id}")
    done, back = Done.read(frame.request.query_params.get("done", "")), frame.address(done=None, said=None)
    return frame.page(
        "queue.html",
        title="Queue",
        which=which,
        rows=page.rows,
        next=page.next,
        twice=await twice(frame.site.store, page.rows),
        queue_views=VIEWS,
        orders=ORDERS,
        ages=AGES,
        states=tuple(RequestState),
        alarms=ALARMS,
        reasons=options(frame.language),
        services=services(frame),
        bulk=BULK,
        done=done,
        undo=undo_address(done.key, back) if done is not None and await undoable(frame, done.key) else "",
        kept=[
            (one, one.query == _filters(frame.address()))
            for one in await frame.site.whole.store.views_of(frame.viewer.actor.key)
        ],
    )


async def _page(frame: Frame, which: Filter, *, by_id: bool) -> Page:
    try:
        return await frame.site.store.requests(which.query(frame, by_id=by_id))
    except ValueError:  # a cursor that no page gave
        which.cursor = None
        return await frame.site.store.requests(which.query(frame, by_id=by_id))


async def twice(store: Store, rows: Sequence[RequestView]) -> frozenset[UUID]:
    """Requests of a page whose beneficiary asks for the same service more than once, wherever in the queue."""
    asked = {
        row.request_id: (row.beneficiary, row.service_type)
        for row in rows
        if row.beneficiary and not row.state.ended and row.referral is None
    }
    if not asked:
        return frozenset()
    counted = await store.same_needs({beneficiary for beneficiary, _ in asked.values()})
    return frozenset(name for name, need in asked.items() if counted.get(need, 0) > 1)


def services(frame: Frame) -> list[tuple[str, str]]:
    """Every service of the zones that are shown, by name."""
    names = {item.id for view in frame.views.values() for item in view.service_types}
    return sorted(((name, frame.speech.service("", name)) for name in names), key=lambda pair: pair[1])


@router.post("/queue/views")
async def keep(frame: AtFrame) -> Response:
    """Keep a filter under a name of one's own, or drop one."""
    form, store, owner = await form_of(frame), frame.site.whole.store, frame.viewer.actor.key
    name, back = " ".join(form.one("name").split())[:LONGEST_NAME], queue_of(form)
    if form.one("what") == "drop":
        await store.remove_view(owner, name)
        return frame.go("/queue")
    kept = await store.views_of(owner)
    if name and (len(kept) < MOST_KEPT or any(one.name == name for one in kept)):
        await store.put_view(SavedView(owner, name, _filters(back)))
    return frame.go(back)


def _filters(address: str) -> str:
    """What of an address of the queue is a filter: neither a page of it nor what was told once."""
    pairs = parse_qsl(address.partition("?")[2])
    return urlencode([(name, value[:64]) for name, value in pairs if name in FILTERS and value])


@router.post("/queue")
async def change_many(frame: AtFrame) -> Response:
    """Do one thing to several requests: first shown what it would do, then done."""
    form = await form_of(frame)
    rows = await _chosen(frame, form)
    what = form.one("what") if form.one("what") in BULK else "accept"
    fits = [row for row in rows if _fits(row, what)]
    sure = form.one("sure") == "yes"
    moved = [row for row in fits if sure and await _changed(frame, form, row)]
    missing = what in NEEDS_REASON and not form.reason()
    if not sure or missing or moved or not fits:
        return frame.page(
            "queue_preview.html",
            409 if moved else 200,
            title="Preview",
            rows=rows,
            fits={row.request_id for row in fits},
            moved={row.request_id for row in moved},
            what=what,
            does=BULK[what],
            missing=missing and sure,
            reason=form.one("reason"),
            needs_reason=what in NEEDS_REASON,
            priority=_priority(form),
            back=queue_of(form),
        )
    said = [
        await order(
            frame, form, row.zone, _asked(row, what, form), correlation_id=row.request_id, part=str(row.request_id)
        )
        for row in fits
    ]
    outcomes = await frame.site.store.outcomes(said)
    done = sum(outcome.status == "accepted" for outcome in outcomes.values())
    return frame.go(Done(done, len(said), form.one("key")).told(queue_of(form)))


async def _changed(frame: Frame, form: Form, row: RequestView) -> bool:
    """Whether a request has changed since the preview was made; by this very form does not count."""
    seen = number(form.one(f"seen-{row.request_id}")) or 0
    return row.version > seen and await sent_before(frame, form, str(row.request_id)) is None


async def _chosen(frame: Frame, form: Form) -> list[RequestView]:
    rows: list[RequestView] = []
    for text in dict.fromkeys(form.many("id")[:AT_ONCE]):
        try:
            rows += (await frame.site.store.request(UUID(text)))[:1]
        except ValueError:
            continue
    return rows


def _fits(row: RequestView, what: str) -> bool:
    if what in ("accept", "refuse"):
        return row.state is RequestState.RECEIVED
    return not row.state.ended and row.state is not RequestState.UNDER_WAY


def _priority(form: Form) -> int:
    text = form.one("priority")
    return int(text) if text in {"1", "2", "3", "4", "5"} else 3


def _asked(row: RequestView, what: str, form: Form) -> Command:
    if what == "cancel":
        return CancelRequest(request_id=row.request_id, seen=row.version, reason=form.reason())
    if what == "priority":
        return ChangeRequest(
            request_id=row.request_id, priority=_priority(form), seen=row.version, reason=form.reason()
        )
    return TriageRequest(request_id=row.request_id, accept=what == "accept", seen=row.version, reason=form.reason())
