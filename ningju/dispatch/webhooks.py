"""Messages to other systems by HTTP: signed as Standard Webhooks has it, to public addresses, without following anybody."""

import asyncio
import base64
import hmac
import json
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import httpx2

from ningju.dispatch.addresses import Forbidden, Network, Resolve, look_up, permitted
from schemas.envelope import EventEnvelope

TIMEOUT_S = 15.0
ANSWER_LIMIT = 65_536
PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class Message:
    """One message: the same id each time it is sent, so that a receiver can tell."""

    id: str
    body: bytes

    @classmethod
    def of(cls, envelope: EventEnvelope) -> "Message":
        """Write an event's message."""
        content = {
            "type": envelope.event.kind,
            "timestamp": envelope.now.isoformat(),
            "data": json.loads(envelope.dump()),
        }
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        return cls(f"evt_{envelope.event_id}", body)


class Undelivered(Exception):
    """A message that was not taken; ``gone`` when the receiver wants none any more."""

    def __init__(self, reason: str, *, gone: bool = False) -> None:
        super().__init__(reason)
        self.gone = gone


def secret_of(secret: str, subscription_id: str) -> str:
    """The secret that a receiver checks signatures by: made from this installation's own, and kept nowhere."""
    key = hmac.new(secret.encode(), f"webhook\x1f{subscription_id}".encode(), sha256).digest()
    return PREFIX + base64.b64encode(key).decode()


def signature(secret: str, message: Message, timestamp: int) -> str:
    """Sign a message by the scheme of Standard Webhooks: ``v1``, HMAC-SHA256 of id, time and body."""
    signed = b".".join((message.id.encode(), str(timestamp).encode(), message.body))
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.new(key, signed, sha256).digest()).decode()


def checked(url: str, *, insecure: bool = False) -> httpx2.URL:
    """Read an address that messages are to go to.

    Raises
    ------
    Forbidden
        When it is none, is not https, or names a user.
    """
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise Forbidden(f"{url}: {error}") from None
    schemes = {"https", "http"} if insecure else {"https"}
    if parsed.scheme not in schemes or not parsed.host:
        raise Forbidden(f"{url}: give an address such as https://receiver.example/ningju")
    if parsed.userinfo:
        raise Forbidden(f"{url}: an address with a password in it would stand in logs; messages are signed instead")
    return parsed


class Sender:
    """Sends messages.

    Parameters
    ----------
    secret
        This installation's own.
    permit
        Networks that are allowed though they are not public, and plain http with them: for tests.
    """

    def __init__(
        self,
        secret: str,
        *,
        permit: Sequence[Network] = (),
        resolve: Resolve = look_up,
        tls: ssl.SSLContext | None = None,
        timeout_s: float = TIMEOUT_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._secret = secret
        self._permit = tuple(permit)
        self._resolve = resolve
        self._timeout_s = timeout_s
        self._now = now
        # No line is kept: lines are to addresses, and the next name there has to show a certificate of its own.
        self._client = httpx2.AsyncClient(
            verify=True if tls is None else tls,
            follow_redirects=False,
            trust_env=False,
            timeout=timeout_s,
            limits=httpx2.Limits(max_keepalive_connections=0),
        )

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    async def check(self, url: str) -> None:
        """See whether messages may go to an address.

        Raises
        ------
        Forbidden
            When they may not.
        OSError
            When its host is unknown.
        """
        await self._places(checked(url, insecure=bool(self._permit)))

    async def send(self, subscription_id: str, url: str, message: Message) -> None:
        """Send one message and see it taken.

        Raises
        ------
        Undelivered
            With the reason, which holds nothing of what was sent or answered.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                status = await self._post(subscription_id, url, message)
        except Forbidden as no:
            raise Undelivered(str(no)) from None
        except TimeoutError:
            raise Undelivered(f"no answer within {self._timeout_s:g} s") from None
        except (OSError, httpx2.HTTPError, UnicodeError) as fault:
            raise Undelivered(type(fault).__name__) from None
        if not 200 <= status < 300:
            raise Undelivered(f"answered {status}", gone=status == 410)

    async def _places(self, url: httpx2.URL) -> list[str]:
        host = url.raw_host.decode("ascii")
        return await permitted(host, url.port or (443 if url.scheme == "https" else 80), self._resolve, self._permit)

    async def _post(self, subscription_id: str, address: str, message: Message) -> int:
        url = checked(address, insecure=bool(self._permit))
        places = await self._places(url)
        timestamp = int(self._now())
        headers = {
            "Host": url.netloc.decode("ascii"),
            "Content-Type": "application/json",
            "User-Agent": "Ningju",
            "webhook-id": message.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(secret_of(self._secret, subscription_id), message, timestamp),
        }
        for place in places[:-1]:
            try:
                return await self._call(url, place, message, headers)
            except httpx2.ConnectError:
                continue  # nobody is there: the next address
        return await self._call(url, places[-1], message, headers)

    async def _call(self, url: httpx2.URL, place: str, message: Message, headers: dict[str, str]) -> int:
        # The address that was looked at is the one that is called: a second look-up could give another (DNS rebinding).
        request = self._client.build_request(
            "POST",
            url.copy_with(host=place),
            content=message.body,
            headers=headers,
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )
        response = await self._client.send(request, stream=True)
        try:
            size = 0
            async for part in response.aiter_raw():
                size += len(part)
                if size > ANSWER_LIMIT:
                    break
            return response.status_code
        finally:
            await response.aclose()
