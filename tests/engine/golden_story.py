"""The story behind the golden ledger. ``python -m tests.engine.golden_story NAME`` writes the ledger of a new release;
one that is there is never written again."""

import sys
from pathlib import Path

from engine.snapshots import dump
from schemas.base import derive_id
from schemas.catalogue import Site, SkillDemand
from schemas.commands import (
    AcceptOffer,
    AdmitReferral,
    CancelRequest,
    ChangeCatalogue,
    ChangeRequest,
    ChangeRoster,
    CheckIn,
    ConfigureZone,
    DeclineOffer,
    EndReferral,
    FinishVisit,
    PinVisit,
    RateVisit,
    ReleaseSeat,
    ReportNoShow,
    SubmitRequest,
    TakeAlarms,
    TriageRequest,
    WithdrawSeat,
)
from schemas.place import Place
from schemas.request import Referral
from schemas.zone import Policy
from tests.engine.builders import (
    MONDAY,
    World,
    by,
    config,
    hours,
    label,
    minutes,
    request,
    service,
    spec,
    team,
    volunteer,
    window,
)

GOLDEN = Path(__file__).parent / "golden"
PAIR = SkillDemand(skill="care", heads=2)


def story() -> World:
    """A morning in which everything happens once, and much is left open at its end."""
    world = World()
    policy = Policy(rating_window_s=7_200, referral_share=0.9)
    world.ok(ConfigureZone(config=config(parent="dis", siblings=("sib",)), policy=policy))
    site = Site(id="s1", zone="z1", name=label("s1"), place=Place(lon=121.402, lat=31.21))
    types = (
        service(),
        service("pair", PAIR),
        service("led", offered_to="leader"),
        service("careful", needs_triage=True),
        service("talk", served_at="district"),
    )
    world.ok(ChangeCatalogue(service_types=types, sites=(site,)))
    people = [volunteer(name) for name in ("ann", "bob", "cat", "dan", "eve", "fay", "gus", "hal", "ida")]
    world.ok(ChangeRoster(teams=(team(leader="ida", zones_served=("sib",)), team("t2")), volunteers=tuple(people)))
    world.ok(ChangeRoster(volunteers=(volunteer("hal", team="t2"),), removed_volunteers=("gus",)))
    start = MONDAY + hours(3)
    near = window(MONDAY + hours(2))

    world.submit("served", near)
    world.offer("served", start, "ann")
    world.accept("ann")
    world.submit("declined", near)
    world.offer("declined", start, "bob")
    world.ok(DeclineOffer(offer_id=world.offer_of("bob"), reason="busy"), by("bob"))
    world.submit("pair", near, service_type="pair")
    world.offer("pair", start, "cat", "dan")
    world.accept("cat")
    world.accept("dan")
    world.ok(WithdrawSeat(request_id=request("pair"), volunteer="dan", reason="ill"), by("dan"))
    world.offer("pair", start, "eve")
    world.accept("eve")
    world.submit("led", near, service_type="led")
    world.offer("led", start, "fay")
    world.ok(AcceptOffer(offer_id=world.offer_of("fay"), volunteer="dan"), by("ida"))
    world.submit("nonsense", near, service_type="none")
    world.submit("waits", service_type="careful")
    world.submit("refused", service_type="careful")
    world.ok(TriageRequest(request_id=request("refused"), accept=False, reason="no"))
    world.submit("changed", near)
    world.offer("changed", MONDAY + hours(5), "ann")
    world.ok(ChangeRequest(request_id=request("changed"), windows=(window(MONDAY + hours(30)),)))
    world.submit("cancelled", near)
    world.ok(CancelRequest(request_id=request("cancelled")))
    world.submit("far", window(MONDAY + hours(49)))

    world.submit("talk", service_type="talk")
    world.submit("talk2", service_type="talk")
    world.submit("talk3", service_type="talk")
    for name, result in (("talk", "served"), ("talk2", "failed")):
        referred = world.state.requests[request(name)].referred
        assert referred is not None
        world.ok(
            EndReferral(referral_id=referred.referral.referral_id, request_id=request(name), result=result, guest="dis")
        )
    world.ok(CancelRequest(request_id=request("talk3")))
    need = world.state.requests[request("far")].need
    assert need is not None
    for name, until in (("guest", 1), ("guest2", 9)):
        referral = Referral(
            referral_id=derive_id("referral", name, 1), origin="sib", hop=1, expires_at=MONDAY + hours(until)
        )
        guest_need = need.changed(windows=(near,))
        world.ok(AdmitReferral(referral=referral, spec=spec(name, near), need=guest_need))

    world.until(start)
    for who, name in (("ann", "served"), ("cat", "pair"), ("dan", "led")):
        world.ok(CheckIn(request_id=request(name), volunteer=who), by(who))
    world.ok(ReportNoShow(request_id=request("pair"), volunteer="eve"), after=minutes(5))
    world.ok(FinishVisit(request_id=request("served")), by("ann"), after=minutes(50))
    world.ok(RateVisit(request_id=request("served"), stars=5))
    world.until(MONDAY + hours(6) + minutes(10))
    world.submit("late", window(MONDAY + hours(8)))
    world.offer("late", MONDAY + hours(10), "bob")
    world.ok(SubmitRequest(spec=spec("tomorrow", window(MONDAY + hours(27)))))
    world.offer("tomorrow", MONDAY + hours(27), "ann")
    world.accept("ann")
    world.ok(PinVisit(request_id=request("tomorrow"), reason="promised"))
    world.ok(PinVisit(request_id=request("tomorrow"), pinned=False))
    world.ok(TakeAlarms(request_id=request("far")))
    world.ok(ReleaseSeat(request_id=request("late"), volunteer="bob", reason="needed elsewhere"))
    world.offer("late", MONDAY + hours(10), "cat")
    world.accept("cat")
    world.ok(ReleaseSeat(request_id=request("late"), volunteer="cat", reason="they do not get along"))
    world.ok(ChangeRoster(volunteers=(volunteer("ann", paused=True),)))
    world.check()
    return world


def write(name: str) -> None:
    """Write a release's ledger and the state that it folds to."""
    world = story()
    GOLDEN.mkdir(exist_ok=True)
    for suffix, lines in (
        ("jsonl", b"\n".join(record.data for record in world.records) + b"\n"),
        ("state.json", dump(world.state) + b"\n"),
    ):
        path = GOLDEN / f"{name}.{suffix}"
        if path.exists():
            raise SystemExit(f"{path.name} is there; a golden ledger is written once")
        path.write_bytes(lines)


if __name__ == "__main__":
    write(sys.argv[1])
