"""Good records made bad: bytes flipped, cut and joined; fields dropped, doubled, swapped and filled with what hurts."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

GOLDEN = Path(__file__).parents[1] / "schemas" / "golden"

NASTY: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**400, 0.5, -0.0, 1e308, float("nan"), float("inf"),
    "", " ", "\0", "\ud800", "\u202e", "a" * 65, "x" * 5_000, "宁聚", "-", "../..", "null", "[]", "1", "1e3",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-02T25:61:00Z", "2026-11-02T00:00:00", "2026-11-02T00:00:00+14:00",
    "00000000-0000-0000-0000-000000000000", "not-a-uuid", [], {}, [[]], [None], {"": None}, {"kind": "tick"}, [1] * 300,
)  # fmt: skip

LONG = 20_000
"""Characters of a list that is made no longer: thirty times thirty times thirty of it would fill the machine's memory."""


def golden_commands() -> list[dict[str, Any]]:
    """One good command of each kind."""
    return [json.loads(file.read_bytes()) for file in sorted(GOLDEN.glob("command.*.json"))]


def spoiled(good: Any, rng: Random) -> bytes:
    """A record like a good one, with something wrong; now and then nothing is."""
    value = deepcopy(good)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3, 6))):
        value = _spoil(value, rng)
    raw = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode(errors="surrogatepass")
    return rng.choice(BYTES)(raw, rng) if rng.random() < 0.15 else raw


def _way(value: Any, rng: Random) -> tuple[Any, ...]:
    """Some way into a value, by chance at each fork: to list every one takes longer than all the rest."""
    way: list[Any] = []
    while isinstance(value, (dict, list)) and value and not (way and rng.random() < 0.3):
        way.append(rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value)))
        value = value[way[-1]]
    return tuple(way)


def _spoil(value: Any, rng: Random) -> Any:
    chosen = _way(value, rng)
    if not chosen or rng.random() < 0.01:
        return rng.choice(NASTY)
    *way, last = chosen
    place = value
    for key in way:
        place = place[key]
    what = rng.random()
    if what < 0.45:
        place[last] = deepcopy(rng.choice(NASTY))
    elif what < 0.6:
        del place[last]
    elif what < 0.75:
        other: Any = value
        for key in _way(value, rng):
            other = (
                other[key] if isinstance(other, (dict, list)) and (key in other or isinstance(other, list)) else other
            )
            if not isinstance(other, (dict, list)):
                break
        place[last] = deepcopy(other)
    elif what < 0.85 and isinstance(place, dict):
        place[rng.choice(("extra", "kind", "zone", str(last) + "_"))] = deepcopy(rng.choice(NASTY))
    elif what < 0.95 and isinstance(place[last], (int, float)) and not isinstance(place[last], bool):
        place[last] = place[last] * rng.choice((-1, 0, 1_000, 10**9)) + rng.choice((-1, 0, 1))
    elif isinstance(place, list) and len(json.dumps(place)) < LONG:
        place.extend(deepcopy(place) * rng.choice((1, 2, 30)))
    else:
        nest: Any = place[last]
        for _ in range(rng.choice((1, 3, 200))):
            nest = [nest]
        place[last] = nest
    return value


def _flip(raw: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(raw)) if raw else 0
    return raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1 :]


def _cut(raw: bytes, rng: Random) -> bytes:
    return raw[: rng.randrange(len(raw) + 1)]


def _join(raw: bytes, rng: Random) -> bytes:
    return raw + rng.choice((b" ", b"\n", b"\0", b",", b"")) + rng.choice((raw, b"{}", b""))


def _other(raw: bytes, rng: Random) -> bytes:
    return rng.choice(
        (b"", b"\0", b"{}", b"[]", b"null", b"\xff\xfe", b"[" * 3_000, b'{"a":' * 3_000, rng.randbytes(40))
    )


BYTES: tuple[Callable[[bytes, Random], bytes], ...] = (_flip, _cut, _join, _other)
