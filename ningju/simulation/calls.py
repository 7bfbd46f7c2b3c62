"""How simulated people call: REST, as anybody else would."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import httpx2

API = "/api/v1"
AT_ONCE = 16
AGAIN = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Call:
    """One POST: who sends what where, under which key."""

    path: str
    actor: str
    key: str
    body: Mapping[str, object] | bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. ``again`` says that the same call should be made later."""

    status: int
    content: Mapping[str, object]

    @property
    def again(self) -> bool:
        """Whether the system asked to come back later."""
        return self.status in AGAIN


class CallFailed(Exception):
    """The system answered what it never should."""

    def __init__(self, call: Call, status: int, text: str) -> None:
        super().__init__(f"POST {call.path} by {call.actor} was answered {status}: {text[:500]}")
        self.call = call
        self.status = status


@dataclass(slots=True)
class Line:
    """A telephone line to the system, with a count of what was answered."""

    client: httpx2.AsyncClient
    answers: Counter[str] = field(default_factory=Counter)

    async def post(self, calls: Sequence[Call]) -> list[Reply]:
        """Make calls, some at a time; replies come in the order of the calls.

        Raises
        ------
        CallFailed
            On a fault of the server or of the caller's own making; a verdict of *no* (404, 409, 422) is a reply.
        """
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(call: Call) -> Reply:
            async with gate:
                return await self._one(call)

        return list(await asyncio.gather(*(one(call) for call in calls)))

    async def _one(self, call: Call) -> Reply:
        headers = {"X-Actor": call.actor, "Idempotency-Key": call.key, "Prefer": "wait=0"}
        path = API + call.path
        if isinstance(call.body, bytes):
            headers["Content-Type"] = "application/json"
            response = await self.client.post(path, headers=headers, content=call.body)
        else:
            response = await self.client.post(path, headers=headers, json=dict(call.body))
        self.answers[f"{call.path.rsplit('/', 1)[-1]} {response.status_code}"] += 1
        if response.status_code not in {200, 202, 404, 409, 422} and response.status_code not in AGAIN:
            raise CallFailed(call, response.status_code, response.text)
        content = response.json() if response.content else {}
        return Reply(response.status_code, content if isinstance(content, dict) else {})
