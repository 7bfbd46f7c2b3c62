"""Three zones in which everything is short: a visit takes a minute, an offer stands for half of one."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from random import Random

from engine.intake import Directory
from engine.ports import NewCommand, ZoneAppend
from engine.snapshots import append
from engine.zone import Zone
from schemas.base import derive_id
from schemas.catalogue import ServiceType, Site, SkillDemand
from schemas.commands import ChangeCatalogue, ChangeRoster, Command, ConfigureZone
from schemas.envelope import CommandEnvelope
from schemas.intake import BeneficiaryIn, RequestIn
from schemas.place import Place, TimeWindow
from schemas.roster import Volunteer
from schemas.zone import Policy, TravelSpeeds, Weights
from streams.engine_logic import EngineLogic
from tests.engine.builders import MONDAY, OPERATOR, config, label, service, team, volunteer

ZONES = ("dis", "sib", "sub")
PLACES = tuple(Place(lon=121.40 + 0.004 * n, lat=31.21) for n in range(3))
POLICY = Policy(
    quiet_start_min=0,
    quiet_end_min=0,
    offer_expiry_s=30,
    offer_expiry_min_s=6,
    cut_off_s=30,
    check_in_grace_s=20,
    finish_grace_s=30,
    second_ask_within_s=120,
    second_ask_after_s=8,
    last_window_grace_s=20,
    rating_window_s=40,
    referral_share=0.4,
    debounce_s=4,
    horizon_s=7_200,
    solver_iterations=0,
    speeds=TravelSpeeds(walk=60.0),
    weights=Weights(),
)
QUICK = {"response_target_s": 60, "completion_target_s": 600}
TYPES: tuple[ServiceType, ...] = (
    service("one", duration_s=60, **QUICK),
    service("pair", SkillDemand(skill="care"), SkillDemand(skill="lift"), duration_s=60, **QUICK),
    service("led", SkillDemand(skill="care", heads=2), offered_to="leader", duration_s=90, **QUICK),
    service("careful", needs_triage=True, duration_s=60, **QUICK),
    service("talk", served_at="district", duration_s=60, **QUICK),
    service("urgent", priority=5, duration_s=60, **QUICK),
    service("soon", notice_s=40, duration_s=60, **QUICK),
)


def people(zone: str) -> list[Volunteer]:
    return [
        volunteer(
            f"{zone}-{n}",
            team=f"{zone}-t{n % 2}",
            skills=("care", "lift") if n % 3 else ("care",),
            home=PLACES[n % len(PLACES)],
            visits_per_day=20,
            visits_per_week=50,
            offers_per_week=50,
        )
        for n in range(3 if zone == "sub" else 5)
    ]


def _founding(zone: str) -> tuple[Command, ...]:
    others = tuple(other for other in ZONES if other != zone)
    tree = config(
        zone,
        level="district" if zone == "dis" else "subdistrict",
        parent=None if zone == "dis" else "dis",
        siblings=tuple(other for other in others if other != "dis"),
    )
    teams = tuple(team(f"{zone}-t{n}", zone, leader=f"{zone}-{n}", zones_served=others) for n in (0, 1))
    site = Site(id=f"{zone}-site", zone=zone, name=label(zone), place=PLACES[ZONES.index(zone)])
    return (
        ConfigureZone(config=tree, policy=POLICY),
        ChangeCatalogue(service_types=TYPES, sites=(site,)),
        ChangeRoster(teams=teams, volunteers=tuple(people(zone))),
    )


@cache
def founded() -> tuple[tuple[NewCommand, ...], tuple[ZoneAppend, ...], Directory]:
    """The commands that found the town, what they come to, and the directory for whoever sends requests.

    They are the same in every run, so they are decided once.
    """
    logic, commands, appends, views = EngineLogic(), [], [], []
    for zone in ZONES:
        state, decisions = Zone.empty(zone), []
        for n, command in enumerate(_founding(zone)):
            command_id = derive_id("founding", zone, n)
            envelope = CommandEnvelope(
                command_id=command_id,
                zone=zone,
                actor=OPERATOR,
                correlation_id=command_id,
                received_at=MONDAY,
                command=command,
            )
            commands.append(NewCommand(envelope))
            before = state
            state, decided = logic.handle(state, envelope)
            for record in decided.records:
                before = append(before, record)
            decisions.append(decided)
        appends.append(ZoneAppend(zone, 0, tuple(decisions), state.next_due))
        views += [row.view for row in decisions[-2].rows + decisions[-1].rows if row.table == "zone"]
    newest = {view.zone: view for view in views if view is not None}
    return tuple(commands), tuple(appends), Directory.of(newest.values())


def wanted(rng: Random, now: datetime, number: int) -> RequestIn:
    """What somebody might ask for now."""
    start = now + timedelta(seconds=rng.choice((0, 20, 60, 120, 240)))
    windows: Sequence[int] = rng.choice(((100,), (200,), (400,), (90, 150)))
    spans, begin = [], start
    for length in windows:
        spans.append(TimeWindow(start=begin, end=begin + timedelta(seconds=length)))
        begin = spans[-1].end + timedelta(seconds=30)
    return RequestIn(
        service_type=rng.choice(TYPES).id,
        site=f"{rng.choice(('sub', 'sub', 'sib', 'dis'))}-site",
        place=rng.choice(PLACES),
        windows=tuple(spans),
        beneficiary=BeneficiaryIn(id=f"b-{number}"),
        priority=rng.choice((None, None, 1, 5)),
    )
