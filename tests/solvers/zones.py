"""Generated zones: people with half-days, skills and teams around a centre, visits with windows and crews."""

import random

from schemas.place import Place
from schemas.problem import (
    Commitment,
    Demand,
    Exclusion,
    FilledSeat,
    HeldSkill,
    LoadLimit,
    Problem,
    Shift,
    Span,
    StandingVisit,
    Team,
    Visit,
    Volunteer,
)

HOUR = 3600
DAY = 24 * HOUR
SKILLS = ("care", "talks", "rights", "garbage", "mentoring", "repair")


def zone(
    seed: int,
    visits: int,
    people: int,
    *,
    days: int = 3,
    crews: tuple[int, ...] = (1, 1, 1, 2, 3),
    spread: float = 0.02,
    teams: int = 3,
    commitments: float = 0.1,
    tight: float = 0.4,
    told: int = 0,
    busy_days: int = 1,
) -> Problem:
    rng = random.Random(seed)
    home = [Place(lon=121.42 + rng.gauss(0, spread), lat=31.22 + rng.gauss(0, spread)) for _ in range(people)]
    place = [Place(lon=121.42 + rng.gauss(0, spread), lat=31.22 + rng.gauss(0, spread)) for _ in range(visits)]
    volunteers = []
    standing = []
    for i in range(people):
        halves = rng.sample([(d, h) for d in range(days) for h in (8, 13)], k=max(1, round(days * 6 / 7)))
        shifts = tuple(Shift(start=d * DAY + h * HOUR, end=d * DAY + (h + 4) * HOUR) for d, h in sorted(halves))
        skills = tuple(
            HeldSkill(skill=s, level=rng.randint(1, 4), expires=rng.choice([None, None, DAY]))
            for s in rng.sample(SKILLS, k=rng.randint(1, 3))
        )
        limits = (
            *(
                LoadLimit(period=Span(start=d * DAY, end=(d + 1) * DAY), visits=2, rule="daily_limit")
                for d in range(days)
            ),
            LoadLimit(period=Span(start=0, end=days * DAY), visits=rng.randint(0, 4), rule="offers_limit"),
        )
        volunteers.append(
            Volunteer(
                id=f"p{i}",
                team=f"t{i % teams}",
                location=i,
                skills=skills,
                shifts=shifts,
                limits=limits,
                reach=rng.choice([1500, 3000, 5000]),
                load=rng.randint(0, 3),
                reluctance=rng.randint(0, 400),
            )
        )
        if rng.random() < commitments:
            at = rng.randrange(days) * DAY + rng.randint(8, 16) * HOUR
            standing.append(Commitment(volunteer=f"p{i}", location=rng.randrange(people), start=at, end=at + HOUR))
    open_visits = []
    for i in range(visits):
        day, hour = rng.randrange(min(days, busy_days)), rng.randint(8, 15)
        length = 2 if rng.random() < tight else 30
        crew = rng.choice(crews)
        demands: list[Demand] = []
        for _ in range(crew):
            demands.append(Demand(skill=rng.choice(SKILLS), level=rng.choice([1, 1, 2, 3])))
        open_visits.append(
            Visit(
                id=f"v{i}",
                location=people + i,
                windows=(Span(start=day * DAY + hour * HOUR, end=day * DAY + (hour + length) * HOUR),),
                duration=rng.choice([1800, 3600, 5400]),
                demands=tuple(demands),
                left_out_cost=2 ** rng.randint(0, 4),
                due=day * DAY + (hour + 3) * HOUR,
                answerable_from=rng.choice([None, 9 * HOUR]),
                preferred=(f"p{rng.randrange(people)}",) if people and rng.random() < 0.2 else (),
                excluded=tuple(
                    Exclusion(volunteer=f"p{rng.randrange(people)}", rule="declined_before")
                    for _ in range(2 if people else 0)
                ),
                reach=rng.choice([None, 4000]),
            )
        )
    told_visits = tuple(
        StandingVisit(
            visit=f"v{i}",
            start=open_visits[i].windows[0].start,
            told=bool(i % 2),
            crew=(FilledSeat(demand=0, volunteer=f"p{rng.randrange(max(1, people))}"),),
        )
        for i in range(min(told, visits))
    )
    return Problem(
        horizon=Span(start=0, end=days * DAY),
        locations=tuple(home + place),
        visits=tuple(open_visits),
        teams=tuple(Team(id=f"t{i}") for i in range(teams)),
        volunteers=tuple(volunteers),
        commitments=tuple(standing),
        standing=told_visits,
    )
