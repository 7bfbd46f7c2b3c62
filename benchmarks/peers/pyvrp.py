"""PyVRP: prizes, windows, capacities; skills as a routing profile for each kind of person.

To and from what its people may not serve, a profile's ways cost more than all prizes, and take the time they take: PyVRP
finds more so than with ways that take too long as well, in 7 of 9 pairs (strsp Reduced, C101 5x4, R101 6x6, R201 7x4; 10 s).
With what its own model puts where an edge is missing, 2**44 for both, its search may not end.
"""

import numpy as np
import pyvrp
from pyvrp.stop import MaxRuntime

from benchmarks.peers.single import Budget, Single
from benchmarks.sets.instance import Routes, Stop
from solvers.travel import Ints

FORBIDDEN = 1 << 34


def solve(single: Single, budget: Budget) -> Routes:
    """Solve with PyVRP's defaults until the time is up; nothing where it finds no feasible solution."""
    problem = single.problem
    people = problem.volunteers
    able = [set(single.able(visit)) for visit in problem.visits]
    depots = sorted({place for person in people for place in single.ends(person)[1:]})
    profiles: dict[tuple[bool, ...], int] = {}
    types = []
    for kind in single.kinds:
        person = people[kind[0]]
        shift, origin, target = single.ends(person)
        profile = profiles.setdefault(tuple(kind[0] in who for who in able), len(profiles))
        types.append(
            pyvrp.VehicleType(
                num_available=len(kind),
                capacity=[] if person.capacity is None else [person.capacity],
                start_depot=depots.index(origin),
                end_depot=depots.index(target),
                tw_early=shift.start,
                tw_late=shift.end,
                profile=profile,
            )
        )
    loads = any(person.capacity is not None for person in people)
    clients = [
        pyvrp.Client(
            location=visit.location,
            delivery=[visit.load] if loads else [],
            service_duration=visit.duration,
            tw_early=single.start(visit)[0],
            tw_late=single.start(visit)[1],
            prize=visit.left_out_cost,
            required=False,
        )
        for visit in problem.visits
    ]
    data = pyvrp.ProblemData(
        locations=[pyvrp.Location(x=0, y=0) for _ in range(len(single.time))],
        clients=clients,
        depots=[pyvrp.Depot(location=place) for place in depots],
        vehicle_types=types,
        distance_matrices=[_dear(single, allowed) for allowed in profiles],
        duration_matrices=[single.time for _ in profiles],
    )
    result = pyvrp.solve(data, MaxRuntime(budget.seconds), seed=budget.seed, collect_stats=False)
    if not result.is_feasible():
        return {}
    waiting = [list(kind) for kind in single.kinds]
    return {
        people[waiting[route.vehicle_type()].pop(0)].id: [
            Stop(problem.visits[activity.idx].id) for activity in route if activity.is_client()
        ]
        for route in result.best.routes()
    }


def _dear(single: Single, allowed: tuple[bool, ...]) -> Ints:
    """The distances, and what nobody would pay on every way to and from what is not allowed."""
    places = [visit.location for visit, may in zip(single.problem.visits, allowed, strict=True) if not may]
    dear = single.distance.copy()
    dear[places, :] = FORBIDDEN
    dear[:, places] = FORBIDDEN
    np.fill_diagonal(dear, 0)
    return dear
