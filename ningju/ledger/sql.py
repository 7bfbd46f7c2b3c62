"""All ports of ``engine.ports.Store`` over a database; the SQL stands in the modules named after the ports."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from engine.figures import FiguresQuery, Tally
from engine.ports import (
    Account,
    ApiToken,
    ClosedQuery,
    CommitUnknown,
    Conflict,
    DeadLetter,
    Deed,
    DeedQuery,
    Delivery,
    DueZone,
    Enqueued,
    Loaded,
    Look,
    NewCommand,
    OpenCommand,
    Page,
    Pulse,
    Record,
    RequestQuery,
    RowChange,
    SavedView,
    Session,
    Snapshot,
    StoredPlan,
    Subscription,
    Unavailable,
    Waiting,
    ZoneAppend,
)
from ningju.ledger import access, archive, consumers, events, figures, inbox, letters, pulse, read_model, tables
from ningju.ledger import appends as batch
from ningju.ledger.database import Database, Result
from ningju.ledger.inspection import Closing, InboxRow, KeptLetter, ZoneImage
from ningju.ledger.settings import StoreSettings
from ningju.ledger.waiting import Waiters
from schemas.envelope import Outcome
from schemas.person import Person
from schemas.request import RequestState
from schemas.views import Notification, OfferView, RequestView, TeamView, VolunteerView, ZoneView


class SqlStore:
    """The ledger in a database."""

    def __init__(self, database: Database, settings: StoreSettings) -> None:
        self._database = database
        self._settings = settings
        self._limit = inbox.InboxLimit(settings.inbox_limit, settings.retry_after)
        self._waiters = Waiters(self.outcomes, database.listen)
        self._read = database.read

    async def close(self) -> None:
        await self._waiters.close()
        await self._database.close()

    async def _write_again(self, work: Callable[[Connection], Result]) -> Result:
        """Write what may be written twice: after a commit of unknown outcome the second try finds out."""
        try:
            return await self._database.write(work)
        except CommitUnknown as unknown:
            try:
                return await self._database.write(work)
            except Unavailable:
                raise unknown from None  # the first try may have been written

    # ------------------------------------------------------------------------------------------------------------ door

    async def enqueue(self, commands: Sequence[NewCommand]) -> list[Enqueued]:
        return await self._write_again(lambda connection: self._enqueue(connection, commands))

    def _enqueue(self, connection: Connection, commands: Sequence[NewCommand]) -> list[Enqueued]:
        if not commands:
            return []
        self._database.before_numbering(connection)
        return inbox.enqueue(connection, commands, self._database.now(connection), self._limit)

    async def open_commands(self, after: int = 0, limit: int = 1_000) -> list[OpenCommand]:
        def work(connection: Connection) -> list[OpenCommand]:
            up_to = self._database.numbered_up_to(connection)
            return inbox.open_commands(connection, after, limit, up_to)

        return await self._read(work)

    async def open_count(self) -> int:
        return await self._read(inbox.open_count)

    async def outcomes(self, command_ids: Collection[UUID]) -> dict[UUID, Outcome]:
        ids = list(command_ids)
        return await self._read(lambda connection: inbox.outcomes(connection, ids))

    async def wait(self, command_id: UUID, timeout: float) -> Outcome | None:
        return await self._waiters.wait(command_id, timeout)

    async def command(self, command_id: UUID) -> OpenCommand | None:
        return await self._read(lambda connection: inbox.command(connection, command_id))

    async def submitted(self, request_id: UUID) -> OpenCommand | None:
        return await self._read(lambda connection: inbox.submitted(connection, request_id))

    async def deeds(self, query: DeedQuery) -> list[Deed]:
        return await self._read(lambda connection: inbox.deeds(connection, query))

    # ---------------------------------------------------------------------------------------------------------- ledger

    async def heads(self) -> dict[str, int]:
        return await self._read(events.heads)

    async def load(self, zone: str, limit: int | None = None) -> Loaded:
        schema = self._settings.snapshot_schema
        return await self._read(lambda connection: events.load(connection, zone, schema, limit))

    async def commit(self, appends: Sequence[ZoneAppend]) -> None:
        outcomes = batch.outcomes(appends)

        def work(connection: Connection) -> None:
            events.commit(connection, appends)
            self._database.announce(connection, [outcome.command_id for outcome in outcomes])

        await self._database.write(work)
        self._waiters.tell(outcomes)

    async def events(self, zone: str, after: int = 0, limit: int = 1_000) -> list[Record]:
        return await self._read(lambda connection: events.events(connection, zone, after, limit))

    async def history(self, request_id: UUID) -> list[Record]:
        return await self._read(lambda connection: events.history(connection, request_id))

    async def due_zones(self) -> list[DueZone]:
        return await self._read(lambda connection: events.due_zones(connection, self._database.now(connection)))

    async def next_due(self) -> datetime | None:
        return await self._read(events.next_due)

    async def drop_snapshots(self) -> None:
        await self._write_again(events.drop_snapshots)

    # ------------------------------------------------------------------------------------------------------- consumers

    async def cursors(self, consumer: str) -> dict[str, int]:
        return await self._read(lambda connection: consumers.cursors(connection, consumer))

    async def settle(
        self,
        consumer: str,
        cursors: Mapping[str, int],
        commands: Sequence[NewCommand] = (),
        notifications: Sequence[Notification] = (),
    ) -> list[Enqueued]:
        def work(connection: Connection) -> list[Enqueued]:
            answers = self._enqueue(connection, commands)
            if notifications:
                consumers.notify(connection, notifications, self._database.now(connection))
            consumers.advance(connection, consumer, cursors)
            return answers

        return await self._write_again(work)

    async def pulse(self, of: Collection[str]) -> Pulse:
        return await self._database.read_at_once(lambda connection: pulse.pulse(connection, of))

    async def pending_notifications(self, limit: int = 500) -> list[Delivery]:
        return await self._read(lambda connection: consumers.pending_notifications(connection, limit))

    async def delivered(self, keys: Collection[UUID]) -> None:
        await self._write_again(lambda connection: consumers.delivered(connection, keys))

    # --------------------------------------------------------------------------------------------------------- archive

    async def put_plan(self, plan: StoredPlan) -> None:
        await self._write_again(lambda connection: archive.put_plan(connection, plan))

    async def plan(self, plan_hash: str) -> StoredPlan | None:
        return await self._read(lambda connection: archive.find_plan(connection, tables.plan.c.plan_hash == plan_hash))

    async def newest_plan(self, zone: str) -> StoredPlan | None:
        return await self._read(lambda connection: archive.find_plan(connection, tables.plan.c.zone == zone))

    async def dead_letter(self, letter: DeadLetter) -> None:
        def work(connection: Connection) -> None:
            now = self._database.now(connection)
            letters.put(connection, letter, now, self._settings.letter_expiry)

        await self._write_again(work)

    async def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        return [kept.letter for kept in await self.letters(limit, closed=True)]

    async def put_persons(self, persons: Sequence[Person]) -> None:
        await self._write_again(lambda connection: archive.put_persons(connection, persons))

    async def person(self, person_id: str) -> Person | None:
        return await self._read(lambda connection: archive.find_person(connection, person_id))

    async def erase_person(self, person_id: str) -> bool:
        erased = await self._database.write(lambda connection: archive.erase_person(connection, person_id))
        if erased:
            await self._database.scrub()
        return erased

    async def note_looks(self, looks: Sequence[Look]) -> None:
        await self._database.write(lambda connection: archive.note_looks(connection, looks))

    async def looks(self, *, before: int | None = None, limit: int = 50) -> list[Look]:
        return await self._read(lambda connection: archive.looks(connection, before, limit))

    # ---------------------------------------------------------------------------------------------------------- access

    async def put_account(self, account: Account) -> None:
        await self._write_again(lambda connection: access.put_account(connection, account))

    async def account(self, account_id: str) -> Account | None:
        return await self._read(lambda connection: access.find_account(connection, account_id))

    async def open_session(self, session: Session) -> None:
        await self._write_again(
            lambda connection: access.open_session(connection, session, self._database.now(connection))
        )

    async def session(self, digest: str) -> Session | None:
        return await self._read(
            lambda connection: access.find_session(connection, digest, self._database.now(connection))
        )

    async def end_session(self, digest: str) -> None:
        await self._write_again(lambda connection: access.end_session(connection, digest))

    async def put_token(self, token: ApiToken) -> None:
        await self._database.write(lambda connection: access.put_token(connection, token))

    async def tokens(self) -> list[ApiToken]:
        return await self._read(access.tokens)

    async def token(self, digest: str) -> ApiToken | None:
        return await self._read(
            lambda connection: access.find_token(connection, digest, self._database.now(connection))
        )

    async def revoke_token(self, token_id: str) -> bool:
        return await self._database.write(
            lambda connection: access.revoke_token(connection, token_id, self._database.now(connection))
        )

    async def put_view(self, view: SavedView) -> None:
        await self._write_again(lambda connection: access.put_view(connection, view))

    async def views_of(self, owner: str) -> list[SavedView]:
        return await self._read(lambda connection: access.views_of(connection, owner))

    async def remove_view(self, owner: str, name: str) -> bool:
        return await self._database.write(lambda connection: access.remove_view(connection, owner, name))

    async def put_subscription(self, subscription: Subscription) -> None:
        await self._write_again(lambda connection: access.put_subscription(connection, subscription))

    async def subscriptions(self) -> list[Subscription]:
        return await self._read(access.subscriptions)

    async def remove_subscription(self, subscription_id: str) -> bool:
        return await self._database.write(lambda connection: access.remove_subscription(connection, subscription_id))

    # ------------------------------------------------------------------------------------------------------ read model

    async def request(self, request_id: UUID) -> tuple[RequestView, ...]:
        return await self._read(lambda connection: read_model.request(connection, request_id))

    async def requests(self, query: RequestQuery) -> Page:
        return await self._read(lambda connection: read_model.requests(connection, query))

    async def same_needs(
        self, beneficiaries: Collection[str], *, within: frozenset[str] | None = None
    ) -> dict[tuple[str, str], int]:
        return await self._read(lambda connection: read_model.same_needs(connection, beneficiaries, within))

    async def asked_for(
        self, service_type: str, limit: int, *, within: frozenset[str] | None = None
    ) -> list[tuple[RequestView, Person]]:
        return await self._read(lambda connection: read_model.asked_for(connection, service_type, limit, within))

    async def offer(self, offer_id: UUID) -> OfferView | None:
        return await self._read(lambda connection: read_model.offer(connection, offer_id))

    async def offers(self, *, request_id: UUID | None = None, volunteer: str | None = None) -> list[OfferView]:
        return await self._read(lambda connection: read_model.offers(connection, request_id, volunteer))

    async def offers_to(self, volunteers: Collection[str], since: datetime) -> list[OfferView]:
        return await self._read(lambda connection: read_model.offers_to(connection, volunteers, since))

    async def expiring(self, before: datetime, limit: int = 50) -> list[OfferView]:
        return await self._read(lambda connection: read_model.expiring(connection, before, limit))

    async def visit(self, visit_id: UUID) -> RequestView | None:
        return await self._read(lambda connection: read_model.visit(connection, visit_id))

    async def zones(self) -> list[ZoneView]:
        return await self._read(read_model.zones)

    async def zone(self, zone: str) -> ZoneView | None:
        return await self._read(lambda connection: read_model.zone(connection, zone))

    async def roster(self, zone: str) -> tuple[list[TeamView], list[VolunteerView]]:
        return await self._read(lambda connection: read_model.roster(connection, zone))

    async def counts(self, *, only_open: bool = False) -> dict[str, dict[RequestState, int]]:
        return await self._read(lambda connection: read_model.counts(connection, only_open=only_open))

    async def waiting(self, now: datetime) -> dict[str, Waiting]:
        return await self._read(lambda connection: read_model.waiting(connection, now))

    # ------------------------------------------------------------------------------------------------------ inspection

    async def image(self, zone: str) -> ZoneImage:
        def work(connection: Connection) -> ZoneImage:
            version, due = events.head(connection, zone)
            snapshot = events.newest_snapshot(connection, zone, self._settings.snapshot_schema)
            return ZoneImage(version, due, snapshot, read_model.documents(connection, zone))

        return await self._database.read_at_once(work)

    async def inbox_rows(self, after: int = 0, limit: int = 1_000) -> list[InboxRow]:
        return await self._read(lambda connection: inbox.inbox_rows(connection, after, limit))

    async def replace_rows(
        self, zone: str, version: int, rows: Sequence[RowChange], snapshot: Snapshot | None = None
    ) -> None:
        def work(connection: Connection) -> None:
            if not events.lock_at(connection, zone, version):
                raise Conflict([zone])
            read_model.delete_zone(connection, zone)
            last = {(row.table, row.key): row for row in rows}
            read_model.write_rows(connection, [(zone, row) for row in rows if last[row.table, row.key] is not row])
            read_model.write_rows(connection, [(zone, row) for row in last.values()])
            events.save_snapshots(connection, [] if snapshot is None else [snapshot])

        await self._write_again(work)

    async def letters(self, limit: int = 100, *, closed: bool = False) -> list[KeptLetter]:
        return await self._read(
            lambda connection: letters.newest(connection, limit, self._database.now(connection), closed=closed)
        )

    async def closed_letters(self, query: ClosedQuery) -> list[KeptLetter]:
        return await self._read(lambda connection: letters.closed(connection, query, self._database.now(connection)))

    async def letter(self, number: int) -> KeptLetter | None:
        return await self._read(lambda connection: letters.find(connection, number, self._database.now(connection)))

    async def close_letter(self, number: int, closing: Closing) -> bool:
        def work(connection: Connection) -> bool:
            return letters.close(connection, number, closing, self._database.now(connection))

        return await self._database.write(work)

    async def expire_letters(self) -> int:
        if not await self._read(lambda connection: letters.any_expired(connection, self._database.now(connection))):
            return 0
        expired = await self._write_again(lambda connection: letters.expire(connection, self._database.now(connection)))
        await self._database.scrub()
        return expired

    async def figures(self, query: FiguresQuery) -> dict[str, Tally]:
        return await self._read(lambda connection: figures.figures(connection, query))

    async def teams(self) -> list[TeamView]:
        return await self._read(read_model.teams)
