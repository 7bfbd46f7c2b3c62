"""Where the adapters meet: what the engine's surroundings must be able to do. Only ``ningju.bootstrap`` knows who does it.

The pure entry points that adapters call are ``engine.handling.handle`` (one command through timers and decide),
``engine.snapshots.dump`` and ``restore``, ``engine.matching.pose`` (state → problem) and ``propose`` (plan → command),
``engine.consequences.consequences`` (event → notifications and commands for others), ``engine.intake.admit``.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Protocol
from uuid import UUID

from engine.figures import FiguresQuery, Tally
from schemas.envelope import CommandEnvelope, EventEnvelope, Outcome
from schemas.person import Person
from schemas.plan import Plan
from schemas.problem import Limits, Problem
from schemas.request import AlarmKind, RequestState
from schemas.views import Notification, OfferView, RequestView, TeamView, VolunteerView, ZoneView


class PortError(Exception):
    """Base of what adapters raise at the ports."""


class Conflict(PortError):
    """Another writer appended first; nothing of the whole commit was written. Drop these zones, reload, decide again."""

    def __init__(self, zones: Collection[str]) -> None:
        super().__init__(f"zones changed meanwhile: {', '.join(sorted(zones))}; reload them and decide again")
        self.zones = frozenset(zones)


class Unavailable(PortError):
    """The store or broker is away; nothing was written. Back off and try again."""


class CommitUnknown(PortError):
    """The connection broke in the middle of a commit. Look the command ids up before trying again."""


class QueueFull(PortError):
    """The inbox holds as many open commands as it may."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(f"too many commands are open; try again in {retry_after.total_seconds():.0f} s")
        self.retry_after = retry_after


class Clock(Protocol):
    """The one source of time: the wall's, or a stepped one."""

    def now(self) -> datetime:
        """Tell the time, aware, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class NewCommand:
    """A command at the door: the envelope's ``received_at`` is replaced by the door's own stamp.

    ``fingerprint`` tells whether a second command with this id has the same body. ``persons`` are written to the
    person table in the same transaction. ``bounded`` commands count against the inbox limit (people's and other
    systems' do; the engine's own never do).
    """

    envelope: CommandEnvelope
    fingerprint: str = ""
    persons: tuple[Person, ...] = ()
    bounded: bool = False


@dataclass(frozen=True, slots=True)
class Enqueued:
    """The door's answer: ``new``, ``known`` (same id and body: nothing written), ``conflict`` (same id, other body)."""

    command_id: UUID
    status: Literal["new", "known", "conflict"]
    received_at: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class OpenCommand:
    """An inbox row without an outcome."""

    seq: int
    command_id: UUID
    zone: str
    received_at: datetime
    data: bytes


class RowChange(NamedTuple):
    """One row of the read model to write (``view``) or, with no view, to delete. ``key`` is unique in the table and zone."""

    table: Literal["request", "offer", "volunteer", "team", "zone"]
    key: str
    view: RequestView | OfferView | VolunteerView | TeamView | ZoneView | None


class Record(NamedTuple):
    """One event as it is stored: ``data`` is what the hash chain covers."""

    zone: str
    version: int
    data: bytes
    envelope: EventEnvelope


@dataclass(frozen=True, slots=True)
class Decided:
    """What one command came to."""

    outcome: Outcome
    records: tuple[Record, ...] = ()
    rows: tuple[RowChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A zone's state at ``version``; thrown away when ``schema`` is not this release's."""

    zone: str
    version: int
    schema: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ZoneAppend:
    """Everything that one batch does to one zone. ``next_due`` is when its next timer is due."""

    zone: str
    expected_version: int
    decided: tuple[Decided, ...]
    next_due: datetime | None
    snapshot: Snapshot | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a zone's state is built from."""

    snapshot: Snapshot | None
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class DueZone:
    """A zone whose next timer is due."""

    zone: str
    due: datetime
    version: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What could not be read or handled: raw bytes, where from, why."""

    source: str
    partition: int
    offset: int
    reason: str
    raw: bytes
    zone: str | None = None
    command_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan with its evidence, under its content's hash."""

    plan_hash: str
    zone: str
    solved_at_version: int
    created_at: datetime
    data: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notification row that was not delivered yet."""

    notification: Notification
    created_at: datetime
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Because:
    """A reason that somebody looks for: one of ``codes``, or one that holds ``text``, or queued and in ``left_out``."""

    text: str
    codes: tuple[str, ...] = ()
    left_out: frozenset[UUID] = frozenset()


RequestOrder = Literal["oldest", "newest", "urgent"]


@dataclass(frozen=True, slots=True)
class RequestQuery:
    """Filter and page of requests; ``cursor`` is opaque, from the page before in the same order.

    Guests' rows only with ``guests``, ended ones not with ``only_open``. ``urgent`` orders what is open alone: alarms
    first, then by priority, then by what is due first. ``due_before`` asks for what is open with an earlier target: until
    somebody has been asked, the time by which somebody is to be, then the end of the last window. ``id_prefix`` is the
    beginning of a request's id. ``within`` names the zones beyond which the one who asks may not look.
    """

    zone: str | None = None
    within: frozenset[str] | None = None
    states: tuple[RequestState, ...] = ()
    service_type: str | None = None
    guests: bool = False
    only_open: bool = False
    alarmed: bool = False
    alarm: AlarmKind | None = None
    reason: str | None = None
    because: Because | None = None
    beneficiary: str | None = None
    id_prefix: str = ""
    created_before: datetime | None = None
    due_before: datetime | None = None
    order: RequestOrder = "oldest"
    cursor: str | None = None
    limit: int = 50

    @property
    def open_rows(self) -> bool:
        """Whether only open requests are asked for: what has ended has neither urgency nor alarms."""
        by_what_is_open = self.alarmed or self.alarm is not None or self.due_before is not None
        return self.only_open or self.order == "urgent" or by_what_is_open


@dataclass(frozen=True, slots=True)
class Page:
    """One page of requests in the order asked for, and the cursor of the next."""

    rows: tuple[RequestView, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in a zone, to be triaged or for somebody to be asked.

    Attributes
    ----------
    oldest
        When the one that waits longest came in.
    due
        The earliest target: until somebody has been asked, the time by which somebody is to be, then the end of the last
        window.
    late
        How many are past their target.
    """

    count: int
    oldest: datetime
    due: datetime
    late: int


@dataclass(frozen=True, slots=True)
class Pulse:
    """How those who work on a ledger get along, by what they leave in it.

    Attributes
    ----------
    cursors
        Version of each zone up to which each consumer of events is done.
    plans
        When the newest plan of each zone was made.
    open_since
        When the oldest command without an outcome came in.
    unsent, unsent_since
        Messages to people that were not delivered, and when the oldest was written.
    letters
        Dead letters that nobody has dealt with.
    """

    cursors: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    plans: Mapping[str, datetime] = field(default_factory=dict)
    open_since: datetime | None = None
    unsent: int = 0
    unsent_since: datetime | None = None
    letters: int = 0


@dataclass(frozen=True, slots=True)
class Deed:
    """What an operator has asked of a zone, and what became of it; nothing yet while it is open."""

    command: OpenCommand
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class DeedQuery:
    """Which deeds of operators, newest first; what is left out asks for all.

    Parameters
    ----------
    actor
        Who acted, as ``kind:id``.
    kinds
        Kinds of commands.
    request
        Id of the request that they are about, or the beginning of one.
    since, until
        When they came to the door, ``until`` not included.
    within
        Zones that they were asked of.
    before
        Only those with a smaller ``seq``.
    """

    actor: str | None = None
    kinds: frozenset[str] = frozenset()
    request: str = ""
    since: datetime | None = None
    until: datetime | None = None
    within: frozenset[str] | None = None
    before: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class ClosedQuery:
    """Which dead letters that somebody has dealt with, the last one first; what is left out asks for all.

    Parameters
    ----------
    by
        Who dealt with them, as ``kind:id``.
    how
        ``replayed`` or ``discarded``.
    since, until
        When they were dealt with, ``until`` not included.
    within
        Zones that they are of; letters of no zone are in none.
    before
        Only those that come after this one: when it was dealt with, and its number.
    """

    by: str | None = None
    how: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    within: frozenset[str] | None = None
    before: tuple[datetime, int] | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Look:
    """Who saw a person's data, when, and on which request's page; ``seq`` is the store's own number."""

    actor: str
    person: str
    request_id: UUID | None
    at: datetime
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who signs in, by an id that tells nothing of them, and what they may do; the name is a person's row."""

    id: str
    role: str
    zones: tuple[str, ...] | None
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that somebody has signed in with; of its secret only the hash is kept."""

    digest: str
    account: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What lets a program in; of its secret only the hash is kept. ``zones`` are roots of trees, ``None`` every zone."""

    id: str
    digest: str
    name: str
    scopes: tuple[str, ...]
    zones: tuple[str, ...] | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SavedView:
    """A filter of the queue that somebody keeps under a name; ``query`` is how an address says it."""

    owner: str
    name: str
    query: str


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where events are sent: of which kinds and zones (none named: all), and since when no more."""

    id: str
    url: str
    kinds: tuple[str, ...]
    zones: tuple[str, ...]
    created_at: datetime
    created_by: str
    suspended_at: datetime | None = None


class Door(Protocol):
    """The inbox: where every command enters."""

    async def enqueue(self, commands: Sequence[NewCommand]) -> list[Enqueued]:
        """Write commands and persons in one transaction, stamping ``received_at``; answers in the order given.

        Raises
        ------
        QueueFull
            When a bounded command would go over the limit; nothing is written.
        Unavailable
            When the store is away; nothing is written.
        CommitUnknown
            When nobody knows whether it was written, and the store is away; sending it again is harmless.
        """
        ...

    async def open_commands(self, after: int = 0, limit: int = 1_000) -> list[OpenCommand]:
        """Inbox rows without an outcome and with ``seq > after``, by ``seq``.

        A cursor may follow them: nothing appears later below a row that was seen. It serves publishing; the sweep, which
        sends again what got lost on the way, begins at 0.
        """
        ...

    async def open_count(self) -> int:
        """How many inbox rows have no outcome."""
        ...

    async def outcomes(self, command_ids: Collection[UUID]) -> dict[UUID, Outcome]:
        """Stored outcomes of those commands that have one."""
        ...

    async def wait(self, command_id: UUID, timeout: float) -> Outcome | None:
        """Wait for a command's outcome, at most ``timeout`` seconds."""
        ...

    async def command(self, command_id: UUID) -> OpenCommand | None:
        """The inbox row of a command, open or not (its ``data`` is the stamped envelope)."""
        ...

    async def submitted(self, request_id: UUID) -> OpenCommand | None:
        """The inbox row of the ``SubmitRequest`` command that brought this request, open or not."""
        ...


class Ledger(Protocol):
    """The truth: events by zone, with outcomes and read model written in the same transaction."""

    async def heads(self) -> dict[str, int]:
        """Version of every zone."""
        ...

    async def load(self, zone: str, limit: int | None = None) -> Loaded:
        """Newest usable snapshot and the records after it: every one, or the first ``limit``."""
        ...

    async def commit(self, appends: Sequence[ZoneAppend]) -> None:
        """Append events, outcomes and rows of all zones, all or nothing, each at its ``expected_version``.

        Raises
        ------
        Conflict
            When a zone is not at its expected version, or an outcome exists already.
        CommitUnknown
            When nobody knows whether it was written.
        Unavailable
            When the store is away.
        """
        ...

    async def events(self, zone: str, after: int = 0, limit: int = 1_000) -> list[Record]:
        """Records of a zone with ``version > after``, in order."""
        ...

    async def history(self, request_id: UUID) -> list[Record]:
        """Records that name a request, of its origin and of every guest, by time."""
        ...

    async def due_zones(self) -> list[DueZone]:
        """Zones whose ``next_due`` has come, by the clock that stamps what enters the door."""
        ...

    async def next_due(self) -> datetime | None:
        """Earliest ``next_due`` of all zones."""
        ...

    async def drop_snapshots(self) -> None:
        """Throw all snapshots away; loads fold from the first event again."""
        ...


class Consumers(Protocol):
    """Cursors of the consumers of events, and what they do in the same breath."""

    async def cursors(self, consumer: str) -> dict[str, int]:
        """Version of each zone up to which this consumer is done."""
        ...

    async def settle(
        self,
        consumer: str,
        cursors: Mapping[str, int],
        commands: Sequence[NewCommand] = (),
        notifications: Sequence[Notification] = (),
    ) -> list[Enqueued]:
        """Advance cursors (never back), enqueue commands and write notification rows, in one transaction.

        A command whose id is known and a notification whose key is known are dropped.
        """
        ...

    async def pulse(self, of: Collection[str]) -> Pulse:
        """How those who work here get along, the named consumers among them; all at one instant."""
        ...

    async def pending_notifications(self, limit: int = 500) -> list[Delivery]:
        """Notification rows that were not delivered, oldest first."""
        ...

    async def delivered(self, keys: Collection[UUID]) -> None:
        """Mark notifications as delivered."""
        ...


class Archive(Protocol):
    """Plans, dead letters, persons."""

    async def put_plan(self, plan: StoredPlan) -> None:
        """Store a plan once; the same hash again changes nothing."""
        ...

    async def plan(self, plan_hash: str) -> StoredPlan | None:
        """A stored plan."""
        ...

    async def newest_plan(self, zone: str) -> StoredPlan | None:
        """The plan stored last for a zone."""
        ...

    async def dead_letter(self, letter: DeadLetter) -> None:
        """Keep what could not be handled; the same source position again only counts up."""
        ...

    async def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """Dead letters, newest first."""
        ...

    async def put_persons(self, persons: Sequence[Person]) -> None:
        """Write persons (a roster import's names and phones)."""
        ...

    async def person(self, person_id: str) -> Person | None:
        """A person's data, while it is not erased."""
        ...

    async def erase_person(self, person_id: str) -> bool:
        """Erase a person's data; whether there was any."""
        ...

    async def note_looks(self, looks: Sequence[Look]) -> None:
        """Write down who saw whose data."""
        ...

    async def looks(self, *, before: int | None = None, limit: int = 50) -> list[Look]:
        """Who saw whose data, newest first: those with ``seq`` below ``before``."""
        ...


class Access(Protocol):
    """Who may come in, and where events go out."""

    async def put_account(self, account: Account) -> None:
        """Write what somebody may do; every session of theirs has it from then on."""
        ...

    async def account(self, account_id: str) -> Account | None:
        """Somebody who has signed in before."""
        ...

    async def open_session(self, session: Session) -> None:
        """Keep a session, and drop those that have expired."""
        ...

    async def session(self, digest: str) -> Session | None:
        """A session that has not expired."""
        ...

    async def end_session(self, digest: str) -> None:
        """Drop a session."""
        ...

    async def put_token(self, token: ApiToken) -> None:
        """Keep a new token."""
        ...

    async def tokens(self) -> list[ApiToken]:
        """All tokens, oldest first, those that no longer count as well."""
        ...

    async def token(self, digest: str) -> ApiToken | None:
        """The token with this hash, while it counts."""
        ...

    async def revoke_token(self, token_id: str) -> bool:
        """Let a token count no more; false when it is unknown or was revoked before."""
        ...

    async def put_view(self, view: SavedView) -> None:
        """Keep a view under its name, instead of what the same person kept there before."""
        ...

    async def views_of(self, owner: str) -> list[SavedView]:
        """What somebody keeps, by name."""
        ...

    async def remove_view(self, owner: str, name: str) -> bool:
        """Drop a view; whether there was one."""
        ...

    async def put_subscription(self, subscription: Subscription) -> None:
        """Write a subscription, a new one or a changed one."""
        ...

    async def subscriptions(self) -> list[Subscription]:
        """All subscriptions, oldest first."""
        ...

    async def remove_subscription(self, subscription_id: str) -> bool:
        """Drop a subscription; whether there was one."""
        ...


class ReadModel(Protocol):
    """Questions of the console, the command line and the intake."""

    async def request(self, request_id: UUID) -> tuple[RequestView, ...]:
        """The origin's row first, then guests' rows; empty when unknown."""
        ...

    async def requests(self, query: RequestQuery) -> Page:
        """One page of requests."""
        ...

    async def same_needs(
        self, beneficiaries: Collection[str], *, within: frozenset[str] | None = None
    ) -> dict[tuple[str, str], int]:
        """How many open origin rows there are by beneficiary and service type, of those beneficiaries.

        ``within`` names the zones beyond which the one who asks may not look.
        """
        ...

    async def asked_for(
        self, service_type: str, limit: int, *, within: frozenset[str] | None = None
    ) -> list[tuple[RequestView, Person]]:
        """Open origin rows of a service with the person's data that stands behind the beneficiary, newest first."""
        ...

    async def deeds(self, query: DeedQuery) -> list[Deed]:
        """What operators have asked, newest first."""
        ...

    async def offer(self, offer_id: UUID) -> OfferView | None:
        """One offer."""
        ...

    async def offers(self, *, request_id: UUID | None = None, volunteer: str | None = None) -> list[OfferView]:
        """Offers of a request or of a volunteer, oldest first."""
        ...

    async def offers_to(self, volunteers: Collection[str], since: datetime) -> list[OfferView]:
        """Offers made to some people after a moment, oldest first."""
        ...

    async def expiring(self, before: datetime, limit: int = 50) -> list[OfferView]:
        """Open offers that expire before a moment, the first to expire first."""
        ...

    async def visit(self, visit_id: UUID) -> RequestView | None:
        """The row whose current or last visit this is."""
        ...

    async def zones(self) -> list[ZoneView]:
        """All zones."""
        ...

    async def zone(self, zone: str) -> ZoneView | None:
        """One zone."""
        ...

    async def roster(self, zone: str) -> tuple[list[TeamView], list[VolunteerView]]:
        """Teams and volunteers of a zone."""
        ...

    async def counts(self, *, only_open: bool = False) -> dict[str, dict[RequestState, int]]:
        """Number of origin rows by zone and state; with ``only_open`` what has ended is not counted, nor looked at."""
        ...

    async def waiting(self, now: datetime) -> dict[str, Waiting]:
        """What is received or queued of origin rows, by zone, against its target; zones where nothing waits are left out."""
        ...

    async def figures(self, query: FiguresQuery) -> dict[str, Tally]:
        """Figures of a period by zone, team, service type or number of the week; all together under the empty name.

        Requests with no team are under the empty name, too.
        """
        ...

    async def teams(self) -> list[TeamView]:
        """All teams, by zone and id."""
        ...


class Store(Door, Ledger, Consumers, Archive, Access, ReadModel, Protocol):
    """All of it, as ``ningju.ledger`` implements it."""

    async def close(self) -> None:
        """Finish what is under way and let go of the database."""
        ...


class Notifier(Protocol):
    """How offers reach people. At least once, with the notification's key."""

    async def deliver(self, notification: Notification) -> None:
        """Deliver one notification; raise to have it tried again."""
        ...


class Planner(Protocol):
    """Where problems are solved: a process pool in production."""

    async def solve(self, problem: Problem, limits: Limits) -> Plan:
        """Solve outside the event loop."""
        ...


@dataclass(frozen=True, slots=True)
class Solved:
    """A solve that has ended."""

    at: datetime
    seconds: float


@dataclass(slots=True)
class Stats:
    """Counters that agents keep and readiness, idleness and metrics read; and each zone's last solve."""

    values: dict[str, float] = field(default_factory=dict)
    solved: dict[str, Solved] = field(default_factory=dict)

    def add(self, name: str, amount: float = 1.0) -> None:
        """Count up."""
        self.values[name] = self.values.get(name, 0.0) + amount
