"""Kinds of teams: who can do what in the simulated brigade."""

from dataclasses import dataclass

from schemas.base import Label


@dataclass(frozen=True, slots=True)
class TeamKind:
    """A kind of team: how likely its members are to have each skill and at which mean level; how often free late.

    ``evenings`` is the share of evenings among the half-days that members offer.
    """

    id: str
    name: Label
    skills: tuple[tuple[str, float, float], ...]
    evenings: float = 0.15


CARE_TEAM = TeamKind(
    "care",
    Label(zh="助老扶老服务队", en="Elder care team"),
    (
        ("care", 0.52, 1.9),
        ("meals", 0.36, 1.5),
        ("driving", 0.24, 1.2),
        ("first-aid", 0.27, 2.1),
        ("digital", 0.17, 1.4),
        ("haircut", 0.09, 1.3),
    ),
    evenings=0.15,
)
COMMUNITY_TEAM = TeamKind(
    "community",
    Label(zh="社区治理服务队", en="Community team"),
    (
        ("sorting", 0.49, 1.4),
        ("mentoring", 0.30, 1.7),
        ("repair", 0.24, 1.8),
        ("mediation", 0.27, 2.0),
        ("law", 0.18, 1.6),
        ("first-aid", 0.11, 1.6),
        ("speaking", 0.09, 1.7),
        ("digital", 0.12, 1.4),
    ),
    evenings=0.28,
)
SUBDISTRICT_TEAMS = (CARE_TEAM, COMMUNITY_TEAM)
DISTRICT_TEAMS = (
    TeamKind(
        "talks",
        Label(zh="宣讲服务队", en="Talks team"),
        (("speaking", 0.70, 3.0), ("digital", 0.40, 1.8), ("mentoring", 0.10, 1.6)),
    ),
    TeamKind(
        "rights",
        Label(zh="公益维权服务队", en="Rights team"),
        (("law", 0.75, 3.0), ("mediation", 0.40, 2.2), ("speaking", 0.10, 2.0)),
    ),
    TeamKind(
        "youth",
        Label(zh="关心下一代服务队", en="Youth team"),
        (("mentoring", 0.70, 2.9), ("law", 0.32, 2.2), ("first-aid", 0.15, 1.7)),
    ),
    TeamKind(
        "emergencies",
        Label(zh="应急服务队", en="Emergencies team"),
        (("first-aid", 0.65, 2.5), ("care", 0.50, 1.8), ("driving", 0.40, 1.4)),
    ),
)
CERTIFIED = frozenset({"first-aid", "driving"})
"""Skills whose qualification runs out."""
