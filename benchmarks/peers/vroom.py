"""VROOM, through pyvroom: skills, windows, capacities; what is left out it weighs by priority, before any travel."""

from datetime import timedelta

import numpy as np
import vroom

from benchmarks.peers.single import Budget, Single
from benchmarks.sets.instance import Routes, Stop

DEEPEST = 5
TOP = 100
"""The highest priority there is; the largest cost of leaving out gets it."""


def solve(single: Single, budget: Budget) -> Routes:
    """Explore as deeply as VROOM can; it ends by itself, often before the time is up, and knows no seed."""
    problem = single.problem
    given = vroom.Input()
    given.set_durations_matrix("car", single.time.astype(np.uint32))
    given.set_costs_matrix("car", single.distance.astype(np.uint32))
    skills = {demand.skill for visit in problem.visits for demand in visit.demands}
    numbers = {skill: number for number, skill in enumerate(sorted(skills))}
    loads = any(person.capacity is not None for person in problem.volunteers)
    for number, person in enumerate(problem.volunteers):
        shift, origin, target = single.ends(person)
        given.add_vehicle(
            vroom.Vehicle(
                number,
                start=origin,
                end=target,
                capacity=[0 if person.capacity is None else person.capacity] if loads else [],
                skills={numbers[held.skill] for held in person.skills if held.skill in numbers},
                time_window=vroom.TimeWindow(shift.start, shift.end),
            )
        )
    dearest = max((visit.left_out_cost for visit in problem.visits), default=1) or 1
    for number, visit in enumerate(problem.visits):
        given.add_job(
            vroom.Job(
                number,
                location=visit.location,
                default_service=visit.duration,
                delivery=[visit.load] if loads else vroom.Amount([]),
                skills={numbers[demand.skill] for demand in visit.demands},
                priority=max(1, TOP * visit.left_out_cost // dearest),
                time_windows=[vroom.TimeWindow(*single.start(visit))],
            )
        )
    found = given.solve(DEEPEST, nb_threads=budget.threads, timeout=timedelta(seconds=budget.seconds))
    jobs = found.routes[found.routes["type"] == "job"]
    return {
        problem.volunteers[int(who)].id: [Stop(problem.visits[int(job)].id) for job in stops["id"]]
        for who, stops in jobs.groupby("vehicle_id", sort=True)
    }
