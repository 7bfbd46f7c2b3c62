"""Reads what people were told and what the ledger exported, and objects. It shares no code with ledger or engine.

Everything comes in as JSON; times are compared as aware datetimes. Each check has a name, by which a table says what
caught a defect.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from math import asin, ceil, cos, radians, sin, sqrt
from typing import Any

Json = dict[str, Any]
Fault = tuple[str, str]
"""The name of a check, and what it objects to."""


class Evidence:
    """What a run left, parsed.

    Parameters
    ----------
    events
        The lines of each zone's export, as bytes, in order.
    inbox
        Each command of the inbox with its outcome: ``{"command": …, "open": …, "outcome": …}``.
    client
        What people were told, in the order in which they were told it.
    messages
        What reached people.
    consumed
        What each consumer handled and how far its cursor went, in order.
    cursors
        The consumers' cursors at the end.
    letters
        Dead letters.
    unrest
        Why the run never came to rest, if it did not.
    """

    def __init__(
        self,
        *,
        events: dict[str, list[bytes]],
        inbox: list[Json],
        client: list[Json],
        messages: list[Json],
        consumed: list[Json],
        cursors: dict[str, dict[str, int]],
        letters: list[Json],
        unrest: str = "",
    ) -> None:
        self.lines = events
        self.zones = {zone: [json.loads(line) for line in lines] for zone, lines in events.items()}
        self.inbox = {row["command"]["command_id"]: row for row in inbox}
        self.rows = inbox
        self.client = client
        self.messages = messages
        self.consumed = consumed
        self.cursors = cursors
        self.letters = letters
        self.unrest = unrest

    def all(self, *kinds: str) -> Iterator[Json]:
        """Every envelope whose event is of these kinds, zone by zone."""
        for envelopes in self.zones.values():
            for envelope in envelopes:
                if envelope["event"]["kind"] in kinds:
                    yield envelope


Check = Callable[[Evidence], Iterator[str]]


def check(evidence: Evidence) -> list[Fault]:
    """Everything that is wrong, by the name of what objects; nothing when all promises were kept."""
    return [(name, complaint) for name, one in CHECKS.items() for complaint in one(evidence)]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


# ------------------------------------------------------------------------------------------------------------- promises


def rest(evidence: Evidence) -> Iterator[str]:
    """Healed and left alone, everything comes to an end."""
    if evidence.unrest:
        yield evidence.unrest


def chain(evidence: Evidence) -> Iterator[str]:
    """Versions have no gap, and each record names the hash of the one before."""
    for zone, envelopes in evidence.zones.items():
        before = "0" * 64
        for version, (envelope, line) in enumerate(zip(envelopes, evidence.lines[zone], strict=True), 1):
            if envelope["version"] != version or envelope["zone"] != zone:
                yield f"{zone}: version {envelope['version']} of {envelope['zone']} stands where {version} belongs"
                return
            if envelope["prev_hash"] != before:
                yield f"{zone}: the record at version {version} does not follow the one before it"
                return
            before = sha256(line).hexdigest()
    ids = Counter(envelope["event_id"] for envelopes in evidence.zones.values() for envelope in envelopes)
    yield from (f"event {name} is there {count} times" for name, count in ids.items() if count > 1)


def requests(evidence: Evidence) -> Iterator[str]:
    """A request that was acknowledged is received once and ends once."""
    received = Counter(
        envelope["event"]["spec"]["request_id"]
        for envelope in evidence.all("request_received")
        if envelope["event"]["referral"] is None
    )
    ended = Counter(envelope["event"]["request_id"] for envelope in evidence.all("request_ended"))
    acknowledged = set()
    for told in evidence.client:
        if told["what"] == "submit_request" and told["door"] in ("new", "known"):
            row = evidence.inbox.get(told["command_id"])
            if row is None:
                yield f"command {told['command_id']} was acknowledged and is not in the inbox"
            else:
                acknowledged.add(row["command"]["command"]["spec"]["request_id"])
    for request_id in acknowledged | set(received):
        if received[request_id] != 1:
            yield f"request {request_id} was received {received[request_id]} times"
        if ended[request_id] != 1:
            yield f"request {request_id} has {ended[request_id]} ends"


def outcomes(evidence: Evidence) -> Iterator[str]:
    """Every command has one outcome, and every event belongs to exactly one command's."""
    spans: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    ids = Counter(row["command"]["command_id"] for row in evidence.rows)
    yield from (f"command {name} is in the inbox {count} times" for name, count in ids.items() if count > 1)
    for row in evidence.rows:
        command, outcome = row["command"], row["outcome"]
        if outcome is None:
            yield f"command {command['command_id']} ({command['command']['kind']}) has no outcome"
            continue
        if row["open"]:
            yield f"command {command['command_id']} has an outcome and is open all the same"
        if outcome["command_id"] != command["command_id"] or outcome["zone"] != command["zone"]:
            yield f"command {command['command_id']} has another's outcome"
        if outcome["status"] == "failed":
            yield f"command {command['command_id']} ({command['command']['kind']}) failed: {outcome['detail']}"
        if outcome["after"] > outcome["before"]:
            spans[command["zone"]].append((outcome["before"], outcome["after"], command["command_id"]))
    for zone, envelopes in evidence.zones.items():
        reached = 0
        for before, after, name in sorted(spans[zone]):
            if before != reached:
                yield f"{zone}: the outcome of {name} spans {before} to {after}, but the one before reaches {reached}"
                return
            for envelope in envelopes[before:after]:
                if envelope["actor"] != {"kind": "system", "id": "timer"} and envelope["causation_id"] != name:
                    yield f"{zone}: version {envelope['version']} is not by {name}, in whose outcome it stands"
            reached = after
        if reached != len(envelopes):
            yield f"{zone}: outcomes reach version {reached}, events {len(envelopes)}"


def verdicts(evidence: Evidence) -> Iterator[str]:
    """What somebody was told about a command is what the ledger says, whenever they were told."""
    for told in evidence.client:
        if "status" not in told:
            continue
        row = evidence.inbox.get(told["command_id"])
        outcome = None if row is None else row["outcome"]
        if outcome is None:
            yield f"{told['command_id']}: told {told['status']}, and the ledger knows nothing of it"
        elif (told["status"], told["code"], told["version"]) != (outcome["status"], outcome["code"], outcome["after"]):
            yield f"{told['command_id']}: told {told['status']} {told['code']} at {told['version']}, the ledger has {outcome}"
        if told["what"] == "accept_offer" and told["status"] == "accepted":
            causes = [one for one in evidence.all("seat_accepted") if one["causation_id"] == told["command_id"]]
            if len(causes) != 1:
                yield f"{told['command_id']}: told that the seat is theirs, and {len(causes)} seats were taken by it"


def stamps(evidence: Evidence) -> Iterator[str]:
    """A command bears the time at which it came in, whatever its sender says."""
    for told in evidence.client:
        row = evidence.inbox.get(told["command_id"])
        if told.get("door") == "new" and row is not None:
            received = _time(row["command"]["received_at"])
            if not _time(told["sent"]) <= received <= _time(told["at"]):
                yield f"{told['command_id']}: sent at {told['sent']}, answered at {told['at']}, stamped {received}"


def clock(evidence: Evidence) -> Iterator[str]:
    """A zone's time never goes back, and a command is decided at the time at which it came in, or the zone's if later."""
    for zone, envelopes in evidence.zones.items():
        for before, after in pairwise(envelopes):
            if _time(after["now"]) < _time(before["now"]):
                yield f"{zone}: time goes back at version {after['version']}"
        for number, envelope in enumerate(envelopes):
            row = evidence.inbox.get(envelope["causation_id"])
            if row is None or envelope["actor"]["id"] == "timer":
                continue
            received = _time(row["command"]["received_at"])
            floor = _time(envelopes[number - 1]["now"]) if number else received
            if _time(envelope["now"]) != max(received, floor):
                yield f"{zone}: version {envelope['version']} is decided at {envelope['now']}, came in at {received}"


def offers(evidence: Evidence) -> Iterator[str]:
    """Nobody takes a seat whose offer has expired, no offer outlives its time, and none ends before it as expired."""
    for zone, envelopes in evidence.zones.items():
        live: dict[str, tuple[datetime, Json]] = {}
        for envelope in envelopes:
            now, event = _time(envelope["now"]), envelope["event"]
            over = [offer_id for offer_id, (expires, _) in live.items() if expires < now]
            for offer_id in over:
                yield f"{zone}: offer {offer_id} outlives its time until version {envelope['version']}"
                del live[offer_id]
            if event["kind"] == "seat_offered":
                live[event["offer_id"]] = (_time(event["expires_at"]), event)
            elif event["kind"] in ("seat_accepted", "offer_ended"):
                expires, offer = live.pop(event["offer_id"], (None, None))
                if expires is None or offer is None:
                    yield f"{zone}: version {envelope['version']} ends an offer that is not live: {event['offer_id']}"
                elif event["kind"] == "seat_accepted" and now >= expires:
                    yield f"{zone}: {event['volunteer']} accepts at {now} what expired at {expires}"
                elif event.get("how") == "expired" and now != expires:
                    yield f"{zone}: offer {event['offer_id']} expires at {now} instead of {expires}"
        yield from (f"{zone}: offer {offer_id} is never answered and never ends" for offer_id in live)


def bookings(evidence: Evidence) -> Iterator[str]:
    """Nobody has two live offers or commitments that overlap, the way between them included."""
    speed, detour = 4.0, 1.3
    for envelope in evidence.all("zone_configured"):
        speeds = envelope["event"]["policy"]["speeds"]
        speed, detour = speeds["walk"], speeds["detour"]
    for zone, envelopes in evidence.zones.items():
        held: dict[str, dict[tuple[str, int, str], tuple[datetime, datetime, Json]]] = defaultdict(dict)

        def hold(who: str, key: tuple[str, int, str], start: datetime, end: datetime, place: Json) -> Iterator[str]:
            for (other, _, _), (begin, finish, where) in held[who].items():  # noqa: B023
                way = _way(place, where, speed, detour)
                apart = (start - finish).total_seconds() if start >= finish else (begin - end).total_seconds()
                if other == key[0] or apart < way:
                    yield f"{zone}: {who} is double booked, {other} and {key[0]}, {apart:.0f} s apart"  # noqa: B023
            held[who][key] = (start, end, place)  # noqa: B023

        for envelope in envelopes:
            event = envelope["event"]
            match event["kind"]:
                case "seat_offered":
                    window = event["window"]
                    key = (event["request_id"], event["seat"], event["offer_id"])
                    yield from hold(
                        event["volunteer"], key, _time(window["start"]), _time(window["end"]), event["place"]
                    )
                case "seat_accepted":
                    key = (event["request_id"], event["seat"], event["offer_id"])
                    mine = [(who, seats.pop(key)) for who, seats in held.items() if key in seats]
                    if len(mine) != 1:
                        yield f"{zone}: version {envelope['version']} takes a seat that was not offered"
                    else:
                        yield from hold(event["volunteer"], key, *mine[0][1])
                case "offer_ended":
                    held[event["volunteer"]].pop((event["request_id"], event["seat"], event["offer_id"]), None)
                case "seat_vacated":
                    _drop(held[event["volunteer"]], event["request_id"])
                case "visit_planned":
                    start, end = _time(event["window"]["start"]), _time(event["window"]["end"])
                    moved = [(w, k, v) for w, m in held.items() for k, v in m.items() if k[0] == event["request_id"]]
                    for who, key, _ in moved:
                        del held[who][key]
                    for who, key, (_, _, place) in moved:
                        yield from hold(who, key, start, end, place)
                case "visit_finished" | "visit_released" | "request_ended" | "referral_ended":
                    for seats in held.values():
                        _drop(seats, event["request_id"])


def _drop(seats: dict[tuple[str, int, str], Any], request_id: str) -> None:
    for key in [key for key in seats if key[0] == request_id]:
        del seats[key]


def _way(a: Json, b: Json, speed: float, detour: float) -> int:
    """Seconds between two places, less one for rounding."""
    phi, psi = radians(a["lat"]), radians(b["lat"])
    h = sin((psi - phi) / 2) ** 2 + cos(phi) * cos(psi) * sin(radians(b["lon"] - a["lon"]) / 2) ** 2
    return max(0, ceil(2 * 6_371_008.8 * asin(sqrt(h)) * detour * 3.6 / speed) - 1)


def records(evidence: Evidence) -> Iterator[str]:
    """What other systems sent by the topic is in the inbox or a dead letter, once the broker has acknowledged it."""
    raw = Counter(letter["raw"] for letter in evidence.letters if letter["source"] == "ningju.requests")
    for told in evidence.client:
        if told["what"] == "record" and told["promised"]:
            taken = told["command_id"] in evidence.inbox
            if not taken and told["raw"] not in raw:
                yield f"record {told['ce_id']} is neither in the inbox nor a dead letter"
            if taken and told["raw"] in raw and raw[told["raw"]] > 0 and "\ufffd" in told["raw"]:
                yield f"record {told['ce_id']} is in the inbox and a dead letter"


def consumers(evidence: Evidence) -> Iterator[str]:
    """Each consumer handles every event, in order from its cursor on, and its cursor ends at the zone's head."""
    cursor: dict[tuple[str, str], int] = defaultdict(int)
    last: dict[tuple[str, str, str], int] = {}
    ending: set[str] = set()
    begun: dict[str, dict[tuple[str, str], int]] = {}
    handled: dict[tuple[str, str], set[int]] = defaultdict(set)
    for step in evidence.consumed:
        if "settled" in step:
            for zone, version in step["cursors"].items():
                key = (step["settled"], zone)
                missing = [n for n in range(cursor[key] + 1, version + 1) if n not in handled[key]]
                if missing:
                    yield f"{step['by']}: the cursor goes to {zone} {version}, and nobody has handled {missing}"
                cursor[key] = max(version, cursor[key])
            continue
        if "begins" in step:
            begun[step["begins"]] = dict(cursor)
            continue
        if "ends" in step:  # as far as it still gets, it goes by a cursor that it may not have heard of
            ending.add(step["ends"])
            continue
        key, mine = (step["heard"], step["zone"]), (step["heard"], step["zone"], step["by"])
        version, before = step["version"], last.get(mine)
        if version > step["head"]:
            yield f"{step['by']}: handles {step['zone']} {version}, which is not in the ledger"
        if before is not None and version <= before and step["by"] not in ending:
            yield f"{step['by']}: handles {step['zone']} {version} after {before}"
        if (before is None or version != before + 1) and version - 1 > cursor[key]:
            yield f"{step['by']}: handles {step['zone']} {version}, but its cursor is {cursor[key]}"
        if version <= begun[step["by"]].get(key, 0):
            yield f"{step['by']}: handles {step['zone']} {version}, which was behind the cursor when it began"
        last[mine] = version
        handled[key].add(version)
    heads = {zone: len(envelopes) for zone, envelopes in evidence.zones.items()}
    for consumer, cursors in evidence.cursors.items():
        if cursors != heads:
            yield f"{consumer}: ends at {cursors}, the zones at {heads}"
        for zone, head in heads.items():
            missing = sorted(set(range(1, head + 1)) - handled[consumer, zone])
            if missing:
                yield f"{consumer}: never handled {zone} {missing}"


def messages(evidence: Evidence) -> Iterator[str]:
    """Whoever is asked, confirmed, released or no longer asked is told; nobody is told what did not happen."""
    told = {(one["kind"], one["to"], one["zone"], one["request_id"], one["offer_id"]) for one in evidence.messages}
    wanted = set()
    for envelope in evidence.all("seat_offered", "offer_ended", "crew_completed", "seat_vacated"):
        event, zone = envelope["event"], envelope["zone"]
        kind, request_id = event["kind"], event["request_id"]
        if kind == "seat_offered":
            wanted.add(("offer", event["asked"], zone, request_id, event["offer_id"]))
        elif kind == "offer_ended" and event["how"] == "rescinded":
            wanted.add(("offer_rescinded", event["volunteer"], zone, request_id, event["offer_id"]))
        elif kind == "crew_completed":
            wanted |= {("confirmed", who, zone, request_id, "None") for who in event["crew"]}
        elif kind == "seat_vacated" and event["how"] in ("released", "roster"):
            wanted.add(("released", event["volunteer"], zone, request_id, "None"))
    yield from (f"nobody told {one[1]}: {one}" for one in sorted(wanted - told))
    yield from (f"{one[1]} was told what did not happen: {one}" for one in sorted(told - wanted))


def referrals(evidence: Evidence) -> Iterator[str]:
    """What one zone asks of another is one command there, and a guest's answer is told to its origin."""
    sent = Counter(
        (row["command"]["zone"], row["command"]["command"]["kind"], row["command"]["causation_id"])
        for row in evidence.rows
        if row["command"]["actor"] == {"kind": "system", "id": "saga"}
    )
    steps = {
        "request_referred": ("to", "admit_referral"),
        "referral_cancel_asked": ("to", "cancel_referral"),
        "referral_ended": ("origin", "end_referral"),
    }
    expected = Counter(
        (envelope["event"][steps[kind][0]], steps[kind][1], envelope["event_id"])
        for kind in steps
        for envelope in evidence.all(kind)
    )
    yield from (f"{one[0]} was never asked: {one[1]} of {one[2]}" for one in sorted((expected - sent).elements()))
    yield from (
        f"{one[0]} was asked without cause: {one[1]} of {one[2]}" for one in sorted((sent - expected).elements())
    )


CHECKS: dict[str, Check] = {
    one.__name__: one
    for one in (
        rest,
        chain,
        requests,
        outcomes,
        verdicts,
        stamps,
        clock,
        offers,
        bookings,
        records,
        consumers,
        messages,
        referrals,
    )
}
