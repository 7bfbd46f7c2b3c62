"""Reads what people were told, what the ledger exported and what consumers wrote down, and objects.

It shares no code with ledger or engine; what does not depend on how a run was made, it has from the simulation's checker.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.deterministic import checker as simulated
from tests.storm.diary import read

Json = dict[str, Any]
Check = Callable[["Evidence"], Iterator[str]]


class Evidence:
    """What a run left in its folder."""

    def __init__(self, folder: Path) -> None:
        lines: dict[str, list[bytes]] = defaultdict(list)
        for line in (folder / "events.jsonl").read_bytes().splitlines():
            lines[json.loads(line)["zone"]].append(line)
        self.ledger = simulated.Evidence(
            events=dict(lines), inbox=[], client=[], messages=[], consumed=[], cursors={}, letters=[]
        )
        self.told = list(read(folder / "told.jsonl"))
        self.feed = list(read(folder / "feed.jsonl"))
        self.heard = list(read(folder / "recorder" / "heard.jsonl"))
        self.messages = [one for one in read(folder / "dispatcher" / "log") if one.get("action") == "notified"]
        self.state: Json = json.loads((folder / "state.json").read_text())

    @property
    def heads(self) -> dict[str, int]:
        return {zone: len(envelopes) for zone, envelopes in self.ledger.zones.items()}


def check(evidence: Evidence) -> list[tuple[str, str]]:
    """Everything that is wrong, by the name of what objects."""
    return [(name, complaint) for name, one in CHECKS.items() for complaint in one(evidence)]


def requests(evidence: Evidence) -> Iterator[str]:
    """What was acknowledged is received once and ends once; one key is one request."""
    received: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    for envelope in evidence.ledger.all("request_received"):
        if envelope["event"]["referral"] is None:
            received[envelope["event"]["spec"]["request_id"]] += 1
            sources[envelope["event"]["spec"]["source"]] += 1
    ended = Counter(envelope["event"]["request_id"] for envelope in evidence.ledger.all("request_ended"))
    ids: dict[str, str] = {}
    for told in evidence.told:
        if told["path"] == "/requests" and told["http"] == 202:
            if ids.setdefault(told["key"], told["id"]) != told["id"]:
                yield f"{told['key']}: told {ids[told['key']]} first and {told['id']} then"
        elif told["path"] == "topic" and told["status"] == 202:
            letters = evidence.state["letters"].count(told["source"])
            if sources[told["source"]] + letters != 1:
                yield f"{told['source']} came by the topic: {sources[told['source']]} times received, {letters} letters"
    yield from (f"{name} keys were told the request {one}" for one, name in Counter(ids.values()).items() if name > 1)
    for request_id in {*ids.values(), *received}:
        if received[request_id] != 1:
            yield f"request {request_id} was received {received[request_id]} times"
        if ended[request_id] != 1:
            yield f"request {request_id} has {ended[request_id]} ends"
    yield from (f"{source} was received {count} times" for source, count in sources.items() if count > 1)


def verdicts(evidence: Evidence) -> Iterator[str]:
    """Whoever was told yes finds it in the ledger, whoever was told no does not, and nobody is told two things."""
    causes: dict[str, list[Json]] = defaultdict(list)
    for envelopes in evidence.ledger.zones.values():
        for envelope in envelopes:
            if envelope["actor"] != {"kind": "system", "id": "timer"}:
                causes[envelope["causation_id"]].append(envelope)
    kinds = {
        "accept": "seat_accepted", "decline": "offer_ended", "check-in": "checked_in", "finish": "visit_finished",
        "withdraw": "seat_vacated", "rating": "request_rated",
    }  # fmt: skip
    first: dict[str, Json] = {}
    for told in evidence.told:
        if "failed" in told:
            yield f"{told['path']}: {told['failed']}"
        if "command_id" not in told:
            continue
        before = first.setdefault(told["key"], told)
        if any(before.get(name) != told.get(name) for name in ("http", "command_id", "code", "version")):
            yield f"{told['path']}: told {before} first and {told} then"
        caused = {envelope["event"]["kind"] for envelope in causes[told["command_id"]]}
        wanted = kinds.get(told["path"].rpartition("/")[2])
        if told["http"] == 200 and wanted is not None and wanted not in caused:
            yield f"{told['path']} was told yes, and the ledger has {sorted(caused)}"
        if told["http"] == 409 and caused:
            yield f"{told['path']} was told no, and the ledger has {sorted(caused)}"


def consumers(evidence: Evidence) -> Iterator[str]:
    """Each consumer's cursor ends at the zones' heads, and the recorder was handed everything, in order after its cursor."""
    for name in ("matcher", "dispatcher", "recorder"):
        if evidence.state["cursors"].get(name) != evidence.heads:
            yield f"{name} ends at {evidence.state['cursors'].get(name)}, the zones at {evidence.heads}"
    cursor: dict[str, int] = defaultdict(int)
    begun: dict[str, int] = {}
    last: dict[str, int] = {}
    handled: dict[str, set[int]] = defaultdict(set)
    for step in evidence.heard:
        if "begins" in step:
            begun, last = dict(step["cursors"]), {}
            for zone, version in begun.items():
                cursor[zone] = max(version, cursor[zone])
        elif "settled" in step:
            for zone, version in step["cursors"].items():
                missing = [n for n in range(cursor[zone] + 1, version + 1) if n not in handled[zone]]
                if missing:
                    yield f"recorder: the cursor goes to {zone} {version}, and nobody was handed {missing[:9]}"
                cursor[zone] = max(version, cursor[zone])
        elif "heard" in step:
            zone, version = step["zone"], step["version"]
            if version <= begun.get(zone, 0):
                yield f"recorder: was handed {zone} {version}, which was behind its cursor"
            if version != last.get(zone, begun.get(zone, 0)) + 1:
                yield f"recorder: was handed {zone} {version} after {last.get(zone, begun.get(zone, 0))}"
            last[zone] = version
            handled[zone].add(version)
    yield from _whole("recorder", evidence.heads, handled)


def feed(evidence: Evidence) -> Iterator[str]:
    """The stream of events skips nothing, whenever it broke off."""
    reached: dict[str, int] = defaultdict(int)
    seen: dict[str, set[int]] = defaultdict(set)
    fresh: set[str] = set()
    for step in evidence.feed:
        if "begins" in step:
            fresh = set()
            continue
        zone, version = step["zone"], step["version"]
        if zone not in fresh:
            if version > reached[zone] + 1:
                yield f"feed: goes on at {zone} {version} after {reached[zone]}"
        elif version != reached[zone] + 1:
            yield f"feed: {zone} {version} after {reached[zone]}"
        fresh.add(zone)
        reached[zone] = version
        seen[zone].add(version)
    yield from _whole("feed", evidence.heads, seen)


def _whole(name: str, heads: dict[str, int], seen: dict[str, set[int]]) -> Iterator[str]:
    for zone, head in heads.items():
        missing = sorted(set(range(1, head + 1)) - seen[zone])
        if missing:
            yield f"{name}: never saw {zone} {missing[:9]} ({len(missing)} in all)"


def messages(evidence: Evidence) -> Iterator[str]:
    """Whoever is asked, confirmed, released or no longer asked is told; one key is one message; nobody is told else."""
    by_key: dict[str, tuple[str, ...]] = {}
    told: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for one in evidence.messages:
        what = (one["kind"], one["to"], one["zone"], one["request_id"])
        if by_key.setdefault(one["key"], what) != what:
            yield f"message {one['key']} is {what} and {by_key[one['key']]}"
        told[what].add(one["key"])
    wanted: Counter[tuple[str, ...]] = Counter()
    for envelope in evidence.ledger.all("seat_offered", "offer_ended", "crew_completed", "seat_vacated"):
        event, zone = envelope["event"], envelope["zone"]
        kind, request_id = event["kind"], event["request_id"]
        if kind == "seat_offered":
            wanted["offer", event["asked"], zone, request_id] += 1
        elif kind == "offer_ended" and event["how"] == "rescinded":
            wanted["offer_rescinded", event["volunteer"], zone, request_id] += 1
        elif kind == "crew_completed":
            for who in event["crew"]:
                wanted["confirmed", who, zone, request_id] += 1
        elif kind == "seat_vacated" and event["how"] in ("released", "roster"):
            wanted["released", event["volunteer"], zone, request_id] += 1
    for what, count in wanted.items():
        if len(told[what]) != count:
            yield f"{what[1]} was to be told {count} times and was told {len(told[what])} times: {what}"
    yield from (f"{what[1]} was told what did not happen: {what}" for what in told if told[what] and not wanted[what])


def commands(evidence: Evidence) -> Iterator[str]:
    """When all has come to rest no command waits for its outcome, none failed, and there is no letter but late requests."""
    state = evidence.state
    if state["unrest"]:
        yield state["unrest"]
    if state["open"]:
        yield f"{state['open']} commands have no outcome"
    if state["failed"]:
        yield f"{state['failed']} commands failed"
    yield from (f"dead letter: {reason}" for reason in state["other_letters"])


def verify(evidence: Evidence) -> Iterator[str]:
    """`ningju verify` agrees."""
    if evidence.state["verify"]["code"] != 0:
        yield evidence.state["verify"]["text"]


CHECKS: dict[str, Check] = {
    one.__name__: one for one in (requests, verdicts, consumers, feed, messages, commands, verify)
} | {
    name: (lambda evidence, one=simulated.CHECKS[name]: one(evidence.ledger))
    for name in ("chain", "clock", "offers", "bookings")
}
