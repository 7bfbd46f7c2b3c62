"""Calls to a running Ningju."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

import httpx2

from ningju.cli.exits import MISSING, Stop, missing, wrong
from ningju.cli.flags import OPERATOR

API = "/api/v1"
TRIES = 20
LONGEST_PAUSE_S = 10.0


class Client:
    """A line to one server.

    Parameters
    ----------
    url
        Where it answers; on the loopback no proxy of the environment is asked.
    actor
        For whom the calls are made; with a token, whoever that stands for, unless somebody else is named.
    token
        What lets programs in, where people sign in; ``NINGJU_TOKEN`` by default, for a command line is read by everybody.
    """

    def __init__(
        self, url: str, actor: str, transport: httpx2.BaseTransport | None = None, token: str | None = None
    ) -> None:
        token = os.environ.get("NINGJU_TOKEN", "") if token is None else token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if not token or actor != OPERATOR:
            headers["X-Actor"] = actor
        try:
            parsed = httpx2.URL(url)
        except httpx2.InvalidURL as error:
            wrong(f"{url}: {error}")
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            wrong(f"{url} is no address; give one such as http://127.0.0.1:8080")
        self.url = url
        self._http = httpx2.Client(
            base_url=url,
            headers=headers,
            timeout=httpx2.Timeout(10, read=90),
            transport=transport,
            trust_env=not _loopback(parsed.host),
        )

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def get(self, path: str, **query: Any) -> httpx2.Response:
        """Ask; a server that is not there ends the command."""
        return self._call("GET", path, params={name: value for name, value in query.items() if value is not None})

    def send(
        self, method: str, path: str, body: object, *, key: str | None = None, wait_s: float | None = None, **query: Any
    ) -> httpx2.Response:
        """Send JSON; where the server is busy, wait as long as it says and send it again."""
        headers: dict[str, str] = {}
        if key is not None:
            headers["Idempotency-Key"] = key
        if wait_s is not None:
            headers["Prefer"] = f"wait={wait_s:.0f}"
        return self._call(method, path, json=body, headers=headers, params=query)

    def json(self, path: str, **query: Any) -> Any:
        """Ask for something that has to be there."""
        answer = self.get(path, **query)
        if answer.status_code in {401, 403}:
            wrong(f"{self.url} lets nobody in without a token for this: NINGJU_TOKEN, of `ningju token create`")
        if answer.status_code == 404:
            wrong(reason(answer))
        if answer.is_error:
            missing(f"{self.url} answered {answer.status_code}: {reason(answer)}")
        return answer.json()

    def _call(self, method: str, path: str, **what: Any) -> httpx2.Response:
        answer = None
        for _ in range(TRIES):
            try:
                answer = self._http.request(method, API + path, **what)
            except httpx2.TransportError as error:
                missing(
                    f"nothing answers at {self.url} ({type(error).__name__}); start it with `ningju up`, or give --url"
                )
            except ValueError as error:
                wrong(f"cannot be sent: {error}")
            if answer.status_code not in {429, 503}:
                return answer
            time.sleep(min(_seconds(answer.headers.get("Retry-After")), LONGEST_PAUSE_S))
        assert answer is not None
        raise Stop(MISSING, f"{self.url} is too busy: {reason(answer)}")


@contextmanager
def connected(url: str, actor: str) -> Iterator[Client]:
    """Give a line that is hung up at the end."""
    client = Client(url, actor)
    try:
        yield client
    finally:
        client.close()


def reason(answer: httpx2.Response) -> str:
    """Read from a problem what is wrong, field by field."""
    try:
        problem = answer.json()
    except ValueError:
        return answer.reason_phrase
    if not isinstance(problem, Mapping):
        return answer.reason_phrase
    errors = problem.get("errors")
    if isinstance(errors, list) and errors:
        return "; ".join(f"{one.get('field')}: {one.get('reason')}" for one in errors if isinstance(one, Mapping))
    return str(problem.get("detail") or problem.get("title") or answer.reason_phrase)


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _seconds(text: str | None) -> float:
    return float(text) if text is not None and text.isdecimal() else 1.0
