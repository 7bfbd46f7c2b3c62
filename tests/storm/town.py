"""Seven zones in which everything is short: a visit takes a minute, an offer stands for a quarter of one."""

from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from schemas.catalogue import ServiceType, Site, SkillDemand
from schemas.district import District
from schemas.place import Place
from schemas.roster import Volunteer
from schemas.zone import Policy, TravelSpeeds
from tests.engine.builders import config, label, service, team, volunteer

HOME = "home"
CENTRES = tuple(f"centre-{n}" for n in range(1, 7))
ZONES = (HOME, *CENTRES)
PEOPLE = 40
PLACES = tuple(Place(lon=round(121.40 + 0.004 * n, 3), lat=31.21) for n in range(7))
POLICY = Policy(
    quiet_start_min=0,
    quiet_end_min=0,
    offer_expiry_s=15,
    offer_expiry_min_s=6,
    cut_off_s=10,
    check_in_grace_s=10,
    finish_grace_s=10,
    second_ask_within_s=60,
    second_ask_after_s=6,
    last_window_grace_s=5,
    rating_window_s=15,
    referral_hops=2,
    referral_share=0.4,
    debounce_s=1,
    horizon_s=7_200,
    solver_iterations=0,
    speeds=TravelSpeeds(walk=60.0),
)
QUICK: dict[str, Any] = {"response_target_s": 600, "completion_target_s": 1_200, "quiet_hours": False, "duration_s": 60}
TYPES: tuple[ServiceType, ...] = (
    service("one", **QUICK),
    service("pair", SkillDemand(skill="care"), SkillDemand(skill="lift"), **QUICK),
    service("careful", needs_triage=True, **QUICK),
    service("talk", served_at="district", **QUICK),
    service("urgent", **(QUICK | {"priority": 5})),
)
SHARES = (60, 20, 5, 5, 10)


def _people(zone: str) -> list[Volunteer]:
    return [
        volunteer(
            f"{zone}-{n}",
            team=f"{zone}-t{n % 2}",
            skills=("care", "lift") if n % 3 else ("care",),
            home=PLACES[n % len(PLACES)],
            visits_per_day=50,
            visits_per_week=200,
            offers_per_week=200,
        )
        for n in range(PEOPLE)
    ]


def town() -> District:
    """Everything that the zones' role starts from."""
    return District(
        zones=tuple(
            config(
                zone,
                level="district" if zone == HOME else "subdistrict",
                parent=None if zone == HOME else HOME,
                siblings=() if zone == HOME else tuple(other for other in CENTRES if other != zone),
            )
            for zone in ZONES
        ),
        policy=POLICY,
        service_types=TYPES,
        sites=tuple(
            Site(id=f"{zone}-site", zone=zone, name=label(zone), place=place)
            for zone, place in zip(ZONES, PLACES, strict=True)
        ),
        teams=tuple(
            team(f"{zone}-t{n}", zone, leader=f"{zone}-{n}", zones_served=tuple(z for z in ZONES if z != zone))
            for zone in ZONES
            for n in (0, 1)
        ),
        volunteers=tuple(person for zone in ZONES for person in _people(zone)),
    )


def write_town(folder: Path) -> Path:
    """Write the town as a file for ``--roster``."""
    file = folder / "town.json"
    file.write_text(town().model_dump_json(exclude={"persons"}), encoding="utf-8")
    return file


def need(rng: Random, now: datetime, number: int) -> dict[str, Any]:
    """What somebody asks for now: at once or in a minute, and never for long."""
    start = now + timedelta(seconds=rng.choice((5, 20, 40)))
    end = start + timedelta(seconds=rng.choice((70, 90, 120)))
    return {
        "service_type": rng.choices(TYPES, SHARES)[0].id,
        "site": f"{rng.choice(ZONES)}-site",
        "windows": [{"start": start.isoformat(), "end": end.isoformat()}],
        "beneficiary": {"id": f"b-{number}"},
        "source": f"need-{number}",
    }
