"""``ningju solve`` and ``ningju schema``."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import TypeAdapter, ValidationError

from ningju.cli.exits import wrong
from ningju.cli.files import read
from ningju.cli.flags import flag


def solve(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="a Problem as JSON")],
    seconds: Annotated[float | None, flag("--seconds", "time to solve in", min=0)] = None,
    iterations: Annotated[int | None, flag("--iterations", "steps to solve in: the same plan each time", min=0)] = None,
    seed: Annotated[int, flag("--seed", "of what is drawn", min=0)] = 1,
    workers: Annotated[int, flag("--workers", "threads", min=1, max=64)] = 1,
    method: Annotated[
        Literal["auto", "greedy", "flow", "cp_sat", "nearest_first"], flag("--method", "which solver")
    ] = "auto",
    output: Annotated[Path | None, flag("--output", "a file instead of standard output")] = None,
) -> None:
    """Plan: a Problem in, a Plan out. What is left out is a result, not an error."""
    from schemas.problem import Limits, Problem
    from solvers.errors import SolverError
    from solvers.solve import solve as plan_of

    source = read(file)
    try:
        problem = Problem.model_validate_json(source.data)
        limits = Limits(seconds=seconds, iterations=iterations, seed=seed, workers=workers, method=method)
        plan = plan_of(problem, limits)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)[:20]
        wrong(
            f"{source.name} is no Problem: " + "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in faults)
        )
    except SolverError as error:
        wrong(f"{source.name}: {error}")
    text = plan.model_dump_json(indent=2) + "\n"
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        wrong(f"cannot write {output}: {error.strerror or error}")


def schema(name: Annotated[str | None, typer.Argument(metavar="NAME", help="one of them; none: all")] = None) -> None:
    """Write JSON Schemas: problem, plan, commands, events, request, report and more."""
    kinds = _kinds()
    if name is None:
        told: Any = {one: adapter.json_schema() for one, adapter in kinds.items()}
    else:
        one = name.lower().replace("-", "_")
        one = one if one in kinds else one.removesuffix("s")
        if one not in kinds:
            wrong(f"no schema {name!r}; there are {', '.join(kinds)}")
        told = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | kinds[one].json_schema()
    typer.echo(json.dumps(told, ensure_ascii=False, indent=2))


def _kinds() -> dict[str, TypeAdapter[Any]]:
    from schemas.catalogue import ServiceType, Site
    from schemas.commands import Command
    from schemas.district import District
    from schemas.envelope import CommandEnvelope, EventEnvelope, Outcome
    from schemas.events import Event
    from schemas.explanation import Explanation
    from schemas.intake import RequestIn
    from schemas.plan import Plan
    from schemas.problem import Limits, Problem
    from schemas.report import Report
    from schemas.roster import Roster
    from schemas.zone import Policy

    kinds: dict[str, Any] = {
        "problem": Problem,
        "limits": Limits,
        "plan": Plan,
        "command": Command,
        "event": Event,
        "command_envelope": CommandEnvelope,
        "event_envelope": EventEnvelope,
        "outcome": Outcome,
        "request": RequestIn,
        "roster": Roster,
        "service_type": ServiceType,
        "site": Site,
        "policy": Policy,
        "explanation": Explanation,
        "report": Report,
        "district": District,
    }
    return {name: TypeAdapter(kind) for name, kind in kinds.items()}
