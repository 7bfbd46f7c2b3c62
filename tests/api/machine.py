"""schemathesis' state machine on the stand: calls by the document, well formed and not, one following from another."""

import asyncio
import copy
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any

import httpx2
import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis.errors import Flaky
from schemathesis.core.transport import Response
from schemathesis.generation.case import Case

from tests.api.stand import HOST, Stand

SCENARIOS = 20
STEPS = 40
AGAIN = 8
"""How often a call that was drawn is made once more, to what there is."""
GOOD = 0.6
"""Share of the requests sent in that are made such that they can be taken."""
WANTED = frozenset({"method", "url", "headers", "data", "json", "params", "cookies", "files"})


class Calls:
    """Makes calls and counts the answers.

    Attributes
    ----------
    answers
        How often each operation gave each status.
    faults
        What no call may bring: 5xx, an exception, a status or a form of refusal that the document does not know.
    """

    def __init__(self, seed: int) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()
        self.faults: list[str] = []
        self._seed = seed
        self._loop = asyncio.new_event_loop()
        self.rng = Random(seed)
        self.stand = Stand(seed)

    def renew(self) -> None:
        """Begin in a new town, the last one may have lost its catalogue, and with the same dice: else draws are no replay."""
        self._loop.run_until_complete(self.stand.store.close())
        self.rng = Random(self._seed)
        self.stand = Stand(self._seed)

    def close(self) -> None:
        self._loop.run_until_complete(self.stand.store.close())
        self._loop.close()

    def prepare(self, case: Case) -> None:
        """Make some requests such as can be taken in: else hardly any has a life."""
        if self.rng.random() > GOOD:
            return
        now, site = self.stand.clock.now(), self.rng.choice(self.stand.scenario.sites)
        service = self.rng.choice(self.stand.scenario.service_types)
        start = now + timedelta(minutes=self.rng.choice((30, 240, 1_500)))
        end = start + timedelta(hours=self.rng.choice((3, 8, 30)))
        window = {"start": start.isoformat(), "end": end.isoformat()}
        match case.method, case.operation.path:
            case "POST", "/api/v1/requests":
                wishes = case.body if isinstance(case.body, dict) else {}
                kept = {
                    name: wishes[name] for name in ("priority", "note", "preferred", "beneficiary") if name in wishes
                }
                case.body = (kept if self.rng.random() < 0.3 else {}) | {
                    "service_type": service.id,
                    "site": site.id,
                    "windows": [window],
                }
            case "POST", "/api/v1/requests/{request_id}/change":
                case.body = {"window": window}
            case "POST", "/open311/v2/requests.{form}":
                case.path_parameters = {"form": "json"}
                case.body = {"service_code": service.id, "lat": str(site.place.lat), "long": str(site.place.lon)}

    def send(self, case: Case) -> Response:
        """Make a call as it was drawn, and again for what there is: else most would end at an id that nobody has."""
        prepared, answer = self._send(case, {})
        there = self._loop.run_until_complete(self.stand.ids())
        for _ in range(AGAIN if case.path_parameters else 0):
            chosen = {name: self.rng.choice(there[name]) for name in case.path_parameters if there.get(name)}
            if chosen:
                self._send(case, chosen)
        return Response(
            status_code=answer.status_code,
            headers={key: [value] for key, value in answer.headers.items()},
            content=answer.content,
            request=prepared,
            elapsed=0.0,
            verify=False,
        )

    def _send(self, case: Case, there: Mapping[str, str]) -> tuple[requests.PreparedRequest, httpx2.Response]:
        """Call the application itself, in this thread: nothing of a network, nor of another loop."""
        arguments = case.as_transport_kwargs(base_url=f"http://{HOST}")
        arguments = {name: value for name, value in arguments.items() if name in WANTED}
        if there:
            path = case.operation.path.format_map({**case.path_parameters, **there})
            arguments["url"] = f"http://{HOST}{path}"
            actor = self.rng.choice((None, "volunteer:{}", "leader:{}"))
            who = actor and actor.format(self.rng.choice(self.stand.scenario.volunteers).id)
            headers = {"Content-Type": arguments["headers"].get("Content-Type"), "X-Actor": who}
            arguments["headers"] = {key: value for key, value in headers.items() if value}
        prepared = requests.Request(**arguments).prepare()
        name = f"{case.method} {case.operation.path}"
        try:
            answer = self._loop.run_until_complete(self._call(prepared))
        except Exception as error:  # whatever it is, no caller may cause it
            answer = httpx2.Response(500, content=repr(error).encode())
        self.answers[name, answer.status_code] += 1
        self._judge(case, prepared, answer)
        return prepared, answer

    def _judge(self, case: Case, prepared: requests.PreparedRequest, answer: httpx2.Response) -> None:
        told = case.operation.definition.raw["responses"]
        expected = told.get(str(answer.status_code)) or told.get(f"{answer.status_code // 100}XX")
        kind = answer.headers.get("content-type", "").partition(";")[0]
        if answer.status_code >= 500:
            self._fault(prepared, f"{answer.status_code} {answer.text[:300]}")
        elif expected is None:
            self._fault(prepared, f"the document knows no {answer.status_code}")
        elif answer.status_code >= 400 and kind not in expected["content"]:
            self._fault(prepared, f"{answer.status_code} is told as {kind!r}, which the document does not know")

    async def _call(self, prepared: requests.PreparedRequest) -> httpx2.Response:
        body = prepared.body or b""
        content = body.encode() if isinstance(body, str) else body
        transport = httpx2.ASGITransport(app=self.stand)
        async with httpx2.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
            headers = [(key, value) for key, value in prepared.headers.items()]
            return await client.request(str(prepared.method), str(prepared.url), content=content, headers=headers)

    def _fault(self, call: requests.PreparedRequest, what: str) -> None:
        self.faults.append(f"{call.method} {call.url}: {what}\n    {dict(call.headers)} {call.body!r:.1000}")


def document(stand: Stand) -> dict[str, Any]:
    """The API's document without what opens it: the stand stands open, and another test tries every key."""
    whole = copy.deepcopy(stand.app.openapi())
    whole["components"].pop("securitySchemes", None)
    for methods in whole["paths"].values():
        for operation in methods.values():
            operation.pop("security", None)
    return whole


def run(calls: Calls, scenarios: int, seed: int) -> None:
    """Play scenarios, the same for the same seed."""
    machine: Any = schemathesis.openapi.from_dict(document(calls.stand)).as_state_machine()

    @hypothesis.seed(seed)
    class Machine(machine):  # type: ignore[misc]
        def setup(self) -> None:
            calls.renew()

        def before_call(self, case: Case) -> None:
            calls.prepare(case)

        def call(self, case: Case, **kwargs: Any) -> Response:
            return calls.send(case)

        def validate_response(self, response: Response, case: Case, *args: Any, **kwargs: Any) -> None:
            """Answers are judged as they are counted: a fault does not end the run."""

    settings = hypothesis.settings(
        max_examples=scenarios,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    with suppress(
        Flaky
    ):  # ids of new requests are by chance: now and then a draw cannot be repeated, and ends the round
        Machine.run(settings=settings)
