"""Somebody signs in with a provider, looks, and signs out, in Debian's Chromium."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect

from ningju.bootstrap.server import WebServer
from ningju.console.app import create_app
from ningju.console.gate import Entrance, Provider
from ningju.ledger.memory import MemoryStore
from tests.console.signing_in import SECRET, provider, say
from tests.console.world import SetClock

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:get_jwt_config")]


@contextmanager
def console(issuer: str) -> Iterator[str]:
    """Address of a console where people sign in with this provider."""
    clock = SetClock()
    app = create_app(MemoryStore(clock), clock, entrance=Entrance(SECRET, Provider(issuer, "ningju", "a secret")))
    server = WebServer(app, "127.0.0.1", 0)
    serving = threading.Thread(target=lambda: asyncio.run(server.run_until_told()))
    serving.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield server.address
    finally:
        server.should_exit = True
        serving.join()


def test_somebody_signs_in_reads_and_signs_out(chromium: Browser) -> None:
    with provider() as issuer, console(issuer) as address:
        say(issuer, "wang", name="王芳", roles=["viewer"])
        context = chromium.new_context(locale="en-GB")
        page = context.new_page()
        page.route("https://**", lambda route: route.abort())  # the mock's own page wants a stylesheet from outside

        page.goto(f"{address}/queue?state=queued")
        assert page.url.startswith(issuer)
        page.get_by_placeholder("sub").fill("wang")
        page.get_by_role("button", name="Authorize").click()
        page.wait_for_url(f"{address}/queue?state=queued")
        expect(page.get_by_text("Signed in as 王芳.")).to_be_visible()
        assert page.evaluate("document.cookie") == "", "scripts see no cookie"

        page.goto(f"{address}/audit")
        expect(page.get_by_role("heading", name="Not possible")).to_be_visible()

        page.goto(f"{address}/now")
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(f"{address}/signed-out")
        expect(page.get_by_role("link", name="Sign out with the provider, too")).to_be_visible()
        page.goto(f"{address}/now")
        assert page.url.startswith(issuer)
        context.close()
