"""A console with sign-in, a provider on 127.0.0.1, and browsers that walk between them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient, Response
from oidc_provider_mock import run_server_in_thread

from ningju.console.access import CSRF_HEADER
from ningju.console.gate import Gate

HOST = "http://console"
SECRET = "a secret of thirty-two characters"


@contextmanager
def provider() -> Iterator[str]:
    """Address of a provider that signs in whoever is named."""
    with run_server_in_thread(require_nonce=True) as server:
        yield f"http://localhost:{server.server_port}"


def say(issuer: str, subject: str, **claims: Any) -> None:
    """Tell the provider what it says of somebody."""
    httpx2.put(f"{issuer}/users/{subject}", json=claims).raise_for_status()


def agree(address: str, subject: str) -> str:
    """What somebody does at the provider: sign in and be led back; the address they are led to."""
    answer = httpx2.post(address, data={"sub": subject})
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"])


def query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@dataclass
class Browser:
    """Keeps cookies and follows nothing by itself."""

    app: FastAPI
    base: str = HOST
    client: AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = AsyncClient(transport=ASGITransport(app=self.app), base_url=self.base)

    async def begin(self, then: str = "/now") -> str:
        """Go to the provider; its address with all that we send along."""
        answer = await self.client.get("/sign-in", params={"next": then})
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"])

    async def sign_in(self, subject: str, then: str = "/now") -> Response:
        """Sign in; the answer to the way back."""
        return await self.come_back(agree(await self.begin(then), subject))

    async def come_back(self, address: str) -> Response:
        parts = urlsplit(address)
        return await self.client.get(f"{parts.path}?{parts.query}")

    @property
    def cookie(self) -> str:
        """The session's cookie."""
        return self.client.cookies.get("ningju_session", "")

    @property
    def form(self) -> dict[str, str]:
        """What scripts of our pages send along."""
        gate: Gate = self.app.state.gate
        return {CSRF_HEADER: gate.keys.form_token(gate.keys.unsign(self.cookie) or "")}
