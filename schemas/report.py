"""The report of a simulated run, as ``ningju demo --report`` writes it."""

from typing import Annotated

from pydantic import Field

from schemas.base import Frozen
from schemas.zone import PolicyName

Count = Annotated[int, Field(ge=0)]


class Ended(Frozen):
    """How requests ended."""

    done: Count
    unserved: Count
    cancelled: Count
    refused: Count


class Served(Frozen):
    """Requests of one service type or zone."""

    requests: Count
    done: Count
    served_in_time: Count
    unserved: Count


class Waits(Frozen):
    """Seconds from the request to its complete crew."""

    p50: float
    p90: float
    max: float


class SolverFigures(Frozen):
    """Of all solves of the run: how many, wall seconds, mean relative gap of the first level to its bound."""

    solves: Count
    seconds_p50: float
    seconds_max: float
    gap_mean: float


class Report(Frozen):
    """One run in figures."""

    scenario: str
    seed: int
    policy: PolicyName
    requests: Count
    ended: Ended
    open: Count
    served_in_time: Count
    served_weight: Count
    asked_weight: Count
    unserved_by_reason: dict[str, int]
    by_service: dict[str, Served]
    by_zone: dict[str, Served]
    seats_offered: Count
    accepted: Count
    declined: Count
    expired: Count
    withdrawn: Count
    no_show: Count
    offers_per_served: float
    wait_s: Waits
    travel_s_per_visit: float
    load_gini: float
    referrals: Count
    solver: SolverFigures
    double_booked: Count
    lost: Count
    verify: str
    wall_s: float
    simulated_s: float
    step_s: float
    commands: Count
    events: Count
