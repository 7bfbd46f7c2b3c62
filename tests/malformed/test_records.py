"""Whatever bytes come, nothing crashes and nothing is dropped in silence: in = accepted + refused + dead letters."""

import asyncio
import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.malformed.__main__ import fuzz
from tests.malformed.intake import feed_commands, feed_requests
from tests.malformed.mutating import LONG, spoiled

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_spoiled_record_is_accounted_for(seed: int) -> None:
    requests, commands = fuzz(seed)
    assert requests.balanced, requests
    assert commands.balanced, commands
    for account in (requests, commands):
        assert account.accepted > 50
        assert account.letters > 100
    assert commands.refused > 50


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()), max_size=20))
def test_bytes_of_any_kind_become_dead_letters(raws: list[bytes]) -> None:
    for feed in (feed_requests, feed_commands):
        account = asyncio.run(feed(raws))
        assert account.balanced
        assert account.letters == len(raws)


def test_no_spoiled_record_is_so_long_that_it_fills_the_memory() -> None:
    rng, good = Random(1), {"list": [["ab"] * 30] * 10}
    longest = max(len(spoiled(good, rng)) for _ in range(300))
    assert 1_000 * LONG > longest > 10 * len(json.dumps(good)), "lists have to grow, and not without end"
