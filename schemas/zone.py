"""Zones and the policy by which one runs. All of it reaches a zone as versioned events."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Frozen, Identifier, Label, Priority, Seconds
from schemas.catalogue import ZoneLevel
from schemas.roster import Minute

PolicyName = Literal["ningju", "nearest-first", "alert-next"]


class TravelSpeeds(Frozen):
    """Mean door-to-door speeds in km/h over the great circle; ``detour`` stretches the way."""

    walk: Annotated[float, Field(gt=0)] = 4.0
    bicycle: Annotated[float, Field(gt=0)] = 11.0
    transit: Annotated[float, Field(gt=0)] = 12.0
    car: Annotated[float, Field(gt=0)] = 18.0
    detour: Annotated[float, Field(ge=1)] = 1.3


class Weights(Frozen):
    """Weights of cost terms inside their levels (levels are ordered, so these never trade across).

    ``travel`` weighs seconds, ``distance`` metres: people say yes to what is near, whatever they travel by.
    """

    left_out: tuple[int, int, int, int, int] = (1, 2, 4, 8, 16)
    told_otherwise: int = 1
    lateness: int = 1
    continuity: int = 600
    preference: int = 1
    fairness: int = 60
    travel: int = 0
    distance: int = 1
    scarcity: int = 200


class Policy(Frozen):
    """How a zone runs: hours, expiries, graces, hops, matching. Durations in seconds, minutes of the local day.

    A crew must be complete ``cut_off_s`` before the start; where the search for it began so late that this leaves less,
    ``cut_off_share`` of the time between the beginning of the search and the start in which people may be asked.

    Of priority ``second_ask_priority`` and above, with less than ``second_ask_within_s`` until the last start, somebody
    else is asked as well for a seat that was offered ``second_ask_after_s`` ago; the first yes takes it. Of any priority,
    where nobody could be asked after the first.
    """

    timezone: str = "Asia/Shanghai"
    quiet_start_min: Minute = 21 * 60
    quiet_end_min: Minute = 8 * 60
    offer_expiry_s: Seconds = 1_800
    offer_expiry_min_s: Seconds = 300
    cut_off_s: Seconds = 7_200
    cut_off_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    check_in_grace_s: Seconds = 900
    finish_grace_s: Seconds = 3_600
    second_ask_priority: Priority = 5
    second_ask_within_s: Seconds = 5_400
    second_ask_after_s: Seconds = 300
    last_window_grace_s: Seconds = 1_800
    rating_window_s: Seconds = 604_800
    referral_hops: Annotated[int, Field(ge=0, le=5)] = 2
    referral_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    matching: PolicyName = "ningju"
    debounce_s: Seconds = 120
    horizon_s: Seconds = 604_800
    solver_iterations: Annotated[int, Field(ge=0, le=10_000_000)] = 400
    speeds: TravelSpeeds = TravelSpeeds()
    weights: Weights = Weights()


class ZoneConfig(Frozen):
    """A zone's place in the tree. ``siblings`` are ordered: the first is asked first when capacities tie.

    ``boundary`` holds closed rings of WGS-84 ``(longitude, latitude)``; a parent needs none of its own.
    """

    id: Identifier
    name: Label
    level: ZoneLevel
    parent: Identifier | None = None
    siblings: tuple[Identifier, ...] = ()
    boundary: tuple[tuple[tuple[float, float], ...], ...] = ()
