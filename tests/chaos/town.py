"""A small town in which the hour of the day never matters, so that a run by the wall's clock is the same at night."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from ningju.simulation.sources import load
from schemas.catalogue import ServiceType
from schemas.district import District
from schemas.roster import WeeklySlot

ALWAYS = tuple(WeeklySlot(weekday=day, start_min=0, end_min=1440) for day in range(7))


def town() -> District:
    """The scenario `tiny`, where nobody sleeps, anybody may be asked at once, and one volunteer is a whole crew."""
    tiny = load("tiny", 1).district
    patient = {"visits_per_day": 50, "visits_per_week": 200, "offers_per_week": 200}
    return tiny.model_copy(
        update={
            "policy": tiny.policy.model_copy(
                update={"quiet_start_min": 0, "quiet_end_min": 0, "debounce_s": 1, "solver_iterations": 20}
            ),
            "service_types": tuple(_simple(service) for service in tiny.service_types if service.id == "elder-visit"),
            "volunteers": tuple(
                volunteer.model_copy(update={"weekly": ALWAYS, "exemptions": (), **patient})
                for volunteer in tiny.volunteers[:60]
            ),
        }
    )


def _simple(service: ServiceType) -> ServiceType:
    return service.model_copy(update={"quiet_hours": False, "reach_m": None})


def write_town(folder: Path) -> Path:
    """Write the town as a file for `--roster`."""
    file = folder / "town.json"
    file.write_text(town().model_dump_json(exclude={"persons"}), encoding="utf-8")
    return file


def needs(*, hours: float = 5.0, **more: Any) -> Iterator[dict[str, Any]]:
    """Bodies of requests, each of another beneficiary, some hours ahead."""
    site = town().sites[0].id
    for number in count():
        start = datetime.now(UTC) + timedelta(hours=hours + number % 20)
        window = {"start": start.isoformat(), "end": (start + timedelta(hours=4)).isoformat()}
        yield {
            "service_type": "elder-visit",
            "site": site,
            "windows": [window],
            "beneficiary": {"id": f"b-{number}"},
            **more,
        }
