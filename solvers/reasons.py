"""Why a visit is left out: what each rule removes, and the smallest change that would let it be served."""

from schemas.plan import LeftOut, RuleCount
from solvers.arrays import Arrays
from solvers.rules import survey


def explain(a: Arrays, visit: int) -> LeftOut:
    """Say why the plan leaves the visit out, from the rules alone."""
    passing, counts = survey(a, visit)
    if passing:
        counts = [*counts, RuleCount(rule="outcompeted", removed=passing)]
    return LeftOut(visit=a.problem.visits[visit].id, candidates=a.volunteers, reasons=tuple(counts))
