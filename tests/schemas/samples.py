"""One instance of every command and event, with every field set to something. ``python -m tests.schemas.samples`` writes
the golden files of those that have none; a golden file that is there is never written again: schemas only grow."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args
from uuid import UUID

from schemas import commands as c
from schemas import events as e
from schemas.base import Frozen, Label, derive_id
from schemas.catalogue import ServiceType, Site, SkillDemand
from schemas.envelope import Actor, CommandEnvelope, EventEnvelope, event_id
from schemas.place import Place, TimeWindow
from schemas.request import Need, Referral, RequestSpec, RequestState, Wishes
from schemas.roster import Exemption, SkillHeld, Team, Volunteer, WeeklySlot
from schemas.zone import Policy, ZoneConfig

GOLDEN = Path(__file__).parent / "golden"

NOON = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLACE = Place(lon=121.404, lat=31.212)
WINDOW = TimeWindow(start=NOON + 24 * HOUR, end=NOON + 26 * HOUR)
REQUEST, OFFER, VISIT, REFERRAL = (derive_id(name, 1) for name in ("request", "offer", "visit", "referral"))
NAME = Label(zh="助老", en="Elder care")
DEMANDS = (SkillDemand(skill="care", level=2, heads=2), SkillDemand(skill="lift", level=1, heads=1))

SERVICE = ServiceType(
    id="elder-care",
    name=NAME,
    demands=DEMANDS,
    duration_s=5_400,
    priority=3,
    reach_m=2_500,
    featured_by="huayanglu",
    served_at="subdistrict",
    needs_triage=True,
    offered_to="leader",
    one_team=False,
)
SITE = Site(id="site-1", zone="huayanglu", name=NAME, place=PLACE, kind="centre", featured=("elder-care",))
TEAM = Team(id="t1", zone="huayanglu", name=NAME, base=PLACE, leader="v0001", zones_served=("jiangsulu",))
PERSON = Volunteer(
    id="v0001",
    team="t1",
    home=PLACE,
    skills=(SkillHeld(skill="care", level=3, expires=NOON + 9_000 * HOUR),),
    weekly=(WeeklySlot(weekday=0, start_min=480, end_min=720),),
    exemptions=(Exemption(window=WINDOW, available=False),),
    travel="bicycle",
    paused=True,
)
CONFIG = ZoneConfig(
    id="huayanglu",
    name=NAME,
    level="subdistrict",
    parent="changning",
    siblings=("jiangsulu",),
    boundary=(((121.40, 31.21), (121.41, 31.21), (121.41, 31.22), (121.40, 31.21)),),
)
WISHES = Wishes(preferred=("v0001",), blocked=("v0002",))
SPEC = RequestSpec(
    request_id=REQUEST,
    service_type="elder-care",
    place=PLACE,
    site="site-1",
    windows=(WINDOW,),
    beneficiary="b0001",
    tier=2,
    priority=4,
    demands=DEMANDS,
    duration_s=3_600,
    wishes=WISHES,
    load=3,
    source="open311",
)
NEED = Need(
    service_type="elder-care",
    place=PLACE,
    windows=(WINDOW,),
    demands=DEMANDS,
    duration_s=3_600,
    priority=4,
    reach_m=2_500,
    notice_s=172_800,
    quiet_hours=True,
    offered_to="volunteer",
    one_team=True,
    respond_by=NOON + 2 * HOUR,
    complete_by=NOON + 72 * HOUR,
    wishes=WISHES,
    load=3,
)
REFER = Referral(referral_id=REFERRAL, origin="huayanglu", hop=1, expires_at=NOON + 3 * HOUR)
ITEM = c.ProposedVisit(
    request_id=REQUEST,
    seen=7,
    team="t1",
    start=WINDOW.start,
    seats=(c.ProposedSeat(demand=0, volunteer="v0001", seen=5),),
)

COMMANDS: tuple[c.Command, ...] = (
    c.ConfigureZone(config=CONFIG, policy=Policy()),
    c.ChangeCatalogue(
        service_types=(SERVICE,), sites=(SITE,), removed_service_types=("old",), removed_sites=("site-9",)
    ),
    c.ChangeRoster(teams=(TEAM,), volunteers=(PERSON,), removed_teams=("t9",), removed_volunteers=("v0009",)),
    c.SubmitRequest(spec=SPEC),
    c.TriageRequest(request_id=REQUEST, accept=True, reason="fine"),
    c.ChangeRequest(request_id=REQUEST, windows=(WINDOW,), place=PLACE, demands=DEMANDS, priority=5, reason="worse"),
    c.CancelRequest(request_id=REQUEST, reason="moved"),
    c.ProposePlan(plan_hash="ab12", solved_at_version=9, items=(ITEM,), refer=(REQUEST,)),
    c.AcceptOffer(offer_id=OFFER, volunteer="v0003"),
    c.DeclineOffer(offer_id=OFFER, reason="busy"),
    c.WithdrawSeat(request_id=REQUEST, volunteer="v0001", reason="ill"),
    c.CheckIn(request_id=REQUEST, volunteer="v0001"),
    c.FinishVisit(request_id=REQUEST, volunteer="v0001"),
    c.ReportNoShow(request_id=REQUEST, volunteer="v0001"),
    c.RateVisit(request_id=REQUEST, stars=5),
    c.AssignCrew(
        request_id=REQUEST,
        team="t1",
        start=WINDOW.start,
        seats=(c.AssignedSeat(demand=0, volunteer="v0001"),),
        agreed=True,
        waived=("reach", "offers_limit"),
        seen=7,
        reason="on the phone",
    ),
    c.ReleaseVisit(request_id=REQUEST, seen=7, reason="double"),
    c.ReleaseSeat(request_id=REQUEST, volunteer="v0001", seen=7, reason="they do not get along"),
    c.TakeAlarms(request_id=REQUEST, instead_of="operator:op-3", reason="on the phone with them"),
    c.PinVisit(request_id=REQUEST, seen=7, reason="promised"),
    c.ReferRequest(request_id=REQUEST, seen=7, reason="better there"),
    c.AdmitReferral(referral=REFER, spec=SPEC, need=NEED, excluded=("v0004",)),
    c.EndReferral(referral_id=REFERRAL, request_id=REQUEST, result="served", guest="changning", reason="done"),
    c.CancelReferral(referral_id=REFERRAL, request_id=REQUEST, origin="huayanglu", reason="moved"),
    c.Tick(due=NOON),
)

EVENTS: tuple[e.Event, ...] = (
    e.ZoneConfigured(config=CONFIG, policy=Policy()),
    e.CatalogueChanged(
        service_types=(SERVICE,), sites=(SITE,), removed_service_types=("old",), removed_sites=("site-9",)
    ),
    e.RosterChanged(teams=(TEAM,), volunteers=(PERSON,), removed_teams=("t9",), removed_volunteers=("v0009",)),
    e.RequestReceived(spec=SPEC, need=NEED, referral=REFER, excluded=("v0004",)),
    e.RequestQueued(request_id=REQUEST, reason="declined"),
    e.RequestChanged(request_id=REQUEST, need=NEED),
    e.RequestEnded(request_id=REQUEST, end=RequestState.DONE, reason="not confirmed", served_by="changning"),
    e.RequestRated(request_id=REQUEST, stars=5),
    e.NoticeReached(request_id=REQUEST),
    e.PlanAdopted(
        plan_hash="ab12",
        adopted=(REQUEST,),
        refused=(e.ItemRefused(request_id=OFFER, reason="overlap: v0001"), e.ItemRefused(item="t9", reason="unknown")),
    ),
    e.VisitPlanned(request_id=REQUEST, visit_id=VISIT, team="t1", window=WINDOW, seats=(0, 0, 1)),
    e.SeatOffered(
        request_id=REQUEST,
        visit_id=VISIT,
        offer_id=OFFER,
        seat=1,
        volunteer="v0001",
        asked="v0002",
        expires_at=NOON + HOUR,
        service_type="elder-care",
        place=PLACE,
        window=WINDOW,
    ),
    e.SeatAccepted(request_id=REQUEST, offer_id=OFFER, seat=1, volunteer="v0003"),
    e.OfferEnded(request_id=REQUEST, offer_id=OFFER, seat=1, volunteer="v0001", how="declined", reason="busy"),
    e.SeatVacated(request_id=REQUEST, seat=1, volunteer="v0001", how="withdrawn", reason="ill"),
    e.CrewCompleted(request_id=REQUEST, crew=("v0001", "v0003"), window=WINDOW),
    e.VisitReleased(request_id=REQUEST, visit_id=VISIT, reason="crew_incomplete"),
    e.VisitPinned(request_id=REQUEST, visit_id=VISIT, pinned=False),
    e.CheckedIn(request_id=REQUEST, volunteer="v0001"),
    e.VisitFinished(request_id=REQUEST, visit_id=VISIT, crew=("v0001",), confirmed=False),
    e.RequestReferred(request_id=REQUEST, referral=REFER, to="changning", spec=SPEC, need=NEED),
    e.ReferralCancelAsked(request_id=REQUEST, referral_id=REFERRAL, to="changning", reason="moved"),
    e.ReferralEnded(
        request_id=REQUEST, referral_id=REFERRAL, origin="huayanglu", result="failed", reason="referral_expired"
    ),
    e.ReferralReturned(
        request_id=REQUEST, referral_id=REFERRAL, result="expired", guest="changning", reason="no answer"
    ),
    e.AlarmRaised(request_id=REQUEST, alarm="needs_operator"),
    e.AlarmCleared(request_id=REQUEST, alarm="needs_operator"),
    e.AlarmsTaken(request_id=REQUEST, alarms=("crew_incomplete", "needs_operator"), by="operator:op-7"),
    e.RatingClosed(request_id=REQUEST),
)

OP = Actor(kind="operator", id="local")
ZERO = UUID(int=0)


def command_envelope(command: c.Command) -> CommandEnvelope:
    return CommandEnvelope(
        command_id=derive_id("command", command.kind),
        zone="huayanglu",
        actor=OP,
        reason="a test",
        correlation_id=REQUEST,
        causation_id=ZERO,
        received_at=NOON,
        command=command,
    )


def event_envelope(event: e.Event) -> EventEnvelope:
    return EventEnvelope(
        event_id=event_id("huayanglu", 7),
        zone="huayanglu",
        version=7,
        now=NOON,
        actor=OP,
        reason="a test",
        correlation_id=REQUEST,
        causation_id=ZERO,
        prev_hash="0" * 64,
        event=event,
    )


def kinds(union: object) -> set[str]:
    """The kinds of a discriminated union."""
    members = get_args(get_args(union)[0])
    return {member.model_fields["kind"].default for member in members}


def samples() -> dict[str, Frozen]:
    """Golden file name → envelope."""
    found: dict[str, Frozen] = {f"command.{x.kind}.json": command_envelope(x) for x in COMMANDS}
    return found | {f"event.{x.kind}.json": event_envelope(x) for x in EVENTS}


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, sample in samples().items():
        path = GOLDEN / name
        if not path.exists():
            path.write_text(sample.model_dump_json(indent=1) + "\n", encoding="utf-8")
