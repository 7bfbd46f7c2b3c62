"""OR-Tools' routing library: guided local search, disjunctions with penalties, skills by the vehicles a visit may have."""

from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from benchmarks.peers.single import Budget, Single
from benchmarks.sets.instance import Routes, Stop

FIRST = ("PARALLEL_CHEAPEST_INSERTION", "PATH_CHEAPEST_ARC")
"""The library knows no seed: runs side by side begin in different ways."""


def solve(single: Single, budget: Budget) -> Routes:
    """Search until the time is up; nothing where it finds no solution."""
    problem = single.problem
    visits, people = problem.visits, problem.volunteers
    ends = [single.ends(person) for person in people]
    # Nodes: the visits, then a start and an end for each person.
    places = [visit.location for visit in visits]
    starts, targets = [], []
    for _, origin, target in ends:
        starts.append(len(places))
        targets.append(len(places) + 1)
        places += [origin, target]
    service = [visit.duration for visit in visits] + [0] * (2 * len(people))
    manager = pywrapcp.RoutingIndexManager(len(places), len(people), starts, targets)
    model = pywrapcp.RoutingModel(manager)
    ways = single.distance[places][:, places]
    model.SetArcCostEvaluatorOfAllVehicles(model.RegisterTransitMatrix(ways.tolist()))
    times = single.time[places][:, places]
    taken = model.RegisterTransitMatrix([[t + service[i] for t in row] for i, row in enumerate(times.tolist())])
    last = max((shift.end for shift, _, _ in ends), default=0)
    model.AddDimension(taken, last, last, False, "time")
    clock = model.GetDimensionOrDie("time")
    for who, (shift, _, _) in enumerate(ends):
        clock.CumulVar(model.Start(who)).SetRange(shift.start, shift.end)
        clock.CumulVar(model.End(who)).SetRange(shift.start, shift.end)
    if any(person.capacity is not None for person in people):
        load = model.RegisterUnaryTransitVector([visit.load for visit in visits] + [0] * (2 * len(people)))
        everything = sum(visit.load for visit in visits)
        room = [everything if person.capacity is None else person.capacity for person in people]
        model.AddDimensionWithVehicleCapacity(load, 0, room, True, "load")
    for node, visit in enumerate(visits):
        index = manager.NodeToIndex(node)
        model.AddDisjunction([index], visit.left_out_cost)
        early, late = single.start(visit)
        clock.CumulVar(index).SetRange(early, min(late, last))
        able = single.able(visit)
        if len(able) < len(people):
            model.VehicleVar(index).SetValues([-1, *able])  # SetAllowedVehiclesForIndex raises in 9.15
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    first = FIRST[budget.seed % len(FIRST)]
    parameters.first_solution_strategy = getattr(routing_enums_pb2.FirstSolutionStrategy, first)
    parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    parameters.time_limit.FromMilliseconds(int(budget.seconds * 1_000))
    found = model.SolveWithParameters(parameters)
    if found is None:
        return {}
    routes = {}
    for who, person in enumerate(people):
        stops = []
        index = found.Value(model.NextVar(model.Start(who)))
        while not model.IsEnd(index):
            stops.append(Stop(visits[manager.IndexToNode(index)].id))
            index = found.Value(model.NextVar(index))
        routes[person.id] = stops
    return routes
