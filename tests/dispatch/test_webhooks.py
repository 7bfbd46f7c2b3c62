"""One message to one receiver: signed, to a public address, followed nowhere, within bounds."""

import base64
import json
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from ipaddress import ip_address, ip_network

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from ningju.dispatch.addresses import Forbidden, is_public, permitted
from ningju.dispatch.webhooks import Message, Sender, Undelivered, checked, secret_of, signature
from tests.dispatch.receiver import LOOPBACK_NAME, Receiver, receiver

SECRET = "a secret of thirty-two characters"
PERMIT = (ip_network("127.0.0.0/8"),)
MESSAGE = Message("evt_1", '{"type":"ping","data":"好"}'.encode())


async def here(host: str, port: int) -> Sequence[str]:
    """A look-up by which every name leads to this machine."""
    return ["127.0.0.1"]


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    made = Sender(SECRET, permit=PERMIT, resolve=here, timeout_s=2)
    yield made
    await made.close()


async def test_a_receiver_checks_the_signature_by_the_secret_it_was_told(sender: Sender, there: Receiver) -> None:
    await sender.send("wh-1", there.url, MESSAGE)
    ((path, headers, body),) = there.got
    assert (path, headers["webhook-id"], body) == ("/in", "evt_1", MESSAGE.body)
    assert headers["host"] == f"{LOOPBACK_NAME}:{there.port}"
    assert headers["content-type"] == "application/json"
    assert Webhook(secret_of(SECRET, "wh-1")).verify(body, dict(headers)) == json.loads(body)
    for other in (secret_of(SECRET, "wh-2"), secret_of(SECRET + "!", "wh-1")):
        with pytest.raises(WebhookVerificationError):
            Webhook(other).verify(body, dict(headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_of(SECRET, "wh-1")).verify(body.replace(b"ping", b"pong"), dict(headers))


def test_the_signature_is_that_of_the_specification() -> None:
    """The worked example of the specification's own libraries."""
    message = Message("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}')
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert signature(secret, message, 1614265330) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    made = secret_of(SECRET, "wh-1")
    assert made.startswith("whsec_")
    assert len(base64.b64decode(made.removeprefix("whsec_"))) == 32


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_success_is_a_yes(sender: Sender, there: Receiver, status: int) -> None:
    there.statuses = [status]
    await sender.send("wh-1", there.url, MESSAGE)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 410, 429, 500, 503])
async def test_anything_else_is_a_no_and_nobody_is_followed(sender: Sender, there: Receiver, status: int) -> None:
    with receiver() as elsewhere:
        there.statuses, there.headers = [status], {"Location": elsewhere.url}
        with pytest.raises(Undelivered, match=f"answered {status}") as no:
            await sender.send("wh-1", there.url, MESSAGE)
        assert no.value.gone == (status == 410)
        assert len(there.got) == 1
        assert elsewhere.got == []


async def test_a_receiver_that_does_not_answer_in_time_is_left(there: Receiver) -> None:
    sender = Sender(SECRET, permit=PERMIT, resolve=here, timeout_s=0.2)
    there.hold.clear()
    with pytest.raises(Undelivered):
        await sender.send("wh-1", there.url, MESSAGE)
    await sender.close()


async def test_of_a_long_answer_only_the_beginning_is_read(sender: Sender, there: Receiver) -> None:
    there.statuses, there.body = [200], b"x" * 50_000_000
    await sender.send("wh-1", there.url, MESSAGE)


async def test_nobody_there_is_a_no(sender: Sender) -> None:
    with pytest.raises(Undelivered, match="ConnectError"):
        await sender.send("wh-1", "http://receiver.example:9/in", MESSAGE)


PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1",
    "::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "203.119.1.1", "2606:4700::1111", "::ffff:1.1.1.1"]


@pytest.mark.parametrize("address", PRIVATE)
async def test_no_message_goes_to_an_address_that_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))

    async def look(host: str, port: int) -> Sequence[str]:
        return ["1.1.1.1", address]

    with pytest.raises(Forbidden, match="not a public address"):
        await permitted("receiver.example", 443, look)
    sender = Sender(SECRET, resolve=look)
    with pytest.raises(Undelivered, match="not a public address"):
        await sender.send("wh-1", "https://receiver.example/in", MESSAGE)
    await sender.close()


@pytest.mark.parametrize("address", PUBLIC)
async def test_public_addresses_are_fine(address: str) -> None:
    async def look(host: str, port: int) -> Sequence[str]:
        return [address]

    assert await permitted("receiver.example", 443, look) == [str(ip_address(address))]


@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=4, network="192.168.0.0/16"))
def test_no_private_address_is_public_in_any_disguise(address: object) -> None:
    number = int(address)  # type: ignore[call-overload]
    for base in ("::ffff:0:0", "64:ff9b::"):
        assert not is_public(ip_address(int(ip_address(base)) + number))
    assert not is_public(ip_address((0x2002 << 112) + (number << 80)))


async def test_a_name_that_changes_between_look_and_call_is_called_where_it_was_looked_at(there: Receiver) -> None:
    """DNS rebinding: the first look gives what may be called, the second one something else."""
    asked: list[str] = []

    async def rebound(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1" if len(asked) == 1 else "127.0.0.2"]

    sender = Sender(SECRET, permit=PERMIT, resolve=rebound, timeout_s=2)
    await sender.send("wh-1", there.url, MESSAGE)
    await sender.close()
    assert asked == [LOOPBACK_NAME]
    assert len(there.got) == 1


async def test_names_of_this_machine_are_looked_up_and_refused() -> None:
    sender = Sender(SECRET)
    for url in ("https://localhost/in", "https://127.0.0.1/in", "https://[::1]/in", "https://2130706433/in"):
        with pytest.raises((Forbidden, OSError)):
            await sender.check(url)
        with pytest.raises(Undelivered):
            await sender.send("wh-1", url, MESSAGE)
    await sender.close()


@pytest.mark.parametrize(
    "url",
    ["http://receiver.example/in", "ftp://receiver.example", "https://", "receiver.example", "https://u:p@r.example/"],
)
def test_an_address_that_cannot_be_sent_to_safely_is_refused(url: str) -> None:
    with pytest.raises(Forbidden):
        checked(url)


@pytest.mark.parametrize("name", [LOOPBACK_NAME, "other.example"])
async def test_the_certificate_has_to_be_of_the_name_though_an_address_is_called(name: str) -> None:
    authority, ours = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(ours)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with receiver(ours) as there:
        sender = Sender(SECRET, permit=PERMIT, resolve=here, tls=trusting, timeout_s=2)
        url = there.url.replace("http:", "https:")
        if name == LOOPBACK_NAME:
            await sender.send("wh-1", url, MESSAGE)
        else:
            with pytest.raises(Undelivered):
                await sender.send("wh-1", url, MESSAGE)
        assert len(there.got) == (name == LOOPBACK_NAME)
        await sender.close()


async def test_a_line_to_one_name_is_not_used_for_another_on_the_same_machine() -> None:
    """Lines are to addresses: one that was opened for a name has shown the certificate of that name alone."""
    authority, ours = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(LOOPBACK_NAME).configure_cert(ours)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with receiver(ours) as there:
        there.headers = {"Content-Length": "0", "Connection": "keep-alive"}
        sender = Sender(SECRET, permit=PERMIT, resolve=here, tls=trusting, timeout_s=2)
        url = there.url.replace("http:", "https:")
        await sender.send("wh-1", url, MESSAGE)
        with pytest.raises(Undelivered):
            await sender.send("wh-2", url.replace(LOOPBACK_NAME, "other.example"), MESSAGE)
        await sender.close()
        assert len(there.got) == 1


async def test_an_address_that_nobody_answers_at_is_passed_over_for_the_next(there: Receiver) -> None:
    async def several(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.9", "127.0.0.1"]

    sender = Sender(SECRET, permit=PERMIT, resolve=several, timeout_s=2)
    await sender.send("wh-1", there.url, MESSAGE)
    await sender.close()
    assert len(there.got) == 1


async def test_an_address_of_six_times_the_length_is_called_in_brackets() -> None:
    """Nobody listens there: what counts is that the address is understood, and that it is no other."""
    permit = (ip_network("::1/128"),)

    async def six(host: str, port: int) -> Sequence[str]:
        return ["::1"]

    sender = Sender(SECRET, permit=permit, resolve=six, timeout_s=2)
    with pytest.raises(Undelivered, match="ConnectError"):
        await sender.send("wh-1", "http://receiver.example:9/in", MESSAGE)
    await sender.close()
