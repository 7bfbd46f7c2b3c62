"""What the page of figures tells of each group: the columns of its table, of its exports and of its plots."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from engine.figures import By, Tally
from schemas.request import RequestState

Kind = Literal["count", "share", "seconds", "ratio"]
Value = int | float | None

FORMATS: Mapping[Kind, str] = {"count": "0", "share": "0 %", "seconds": "0", "ratio": "0.00"}
"""How a spreadsheet shows them."""


@dataclass(frozen=True, slots=True)
class Group:
    """What was counted of one zone, team, service or week; ``near``: squares of the map, and whether a site is near."""

    by: By
    tally: Tally
    near: Mapping[int, bool]


@dataclass(frozen=True, slots=True)
class Measure:
    """One column."""

    name: str
    kind: Kind
    value: Callable[[Group], Value]


def _state(*states: RequestState) -> Callable[[Group], Value]:
    return lambda group: sum(group.tally.states.get(state, 0) for state in states)


def _spread(group: Group) -> Value:
    """Not for a service: most people could not have been asked for it."""
    return None if group.by == "service" else group.tally.spread


MEASURES = (
    Measure("Requests", "count", lambda group: group.tally.requests),
    Measure("Open", "count", lambda group: group.tally.open),
    Measure("Done", "count", _state(RequestState.DONE)),
    Measure("Not served", "count", _state(RequestState.UNSERVED)),
    Measure("Cancelled or refused", "count", _state(RequestState.CANCELLED, RequestState.REFUSED)),
    Measure("Served in time", "share", lambda group: group.tally.in_time_share),
    Measure("Half had a crew within", "seconds", lambda group: group.tally.wait_p50_s),
    Measure("Nine of ten had one within", "seconds", lambda group: group.tally.wait_p90_s),
    Measure("Offers accepted", "share", lambda group: group.tally.acceptance),
    Measure("Load spread", "ratio", _spread),
    Measure("Within 15 minutes' walk", "share", lambda group: group.tally.near(group.near)),
)
IN_TIME = next(one for one in MEASURES if one.name == "Served in time")
