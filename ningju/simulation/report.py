"""The report of a simulated run: figures from the ledger's events and from what was acknowledged."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import ceil

from engine.figures import PUNCTUAL, gini
from engine.ports import Ledger
from ningju.simulation.audit import double_bookings, ended_twice, lost, travel_s
from ningju.simulation.chronicle import Chronicle, Story
from ningju.simulation.pacing import Progress
from ningju.simulation.residents import Book
from ningju.simulation.scenario import Scenario
from schemas.report import Ended, Report, Served, SolverFigures, Waits
from schemas.request import RequestState
from schemas.roster import Volunteer
from schemas.zone import TravelSpeeds


async def write_report(
    scenario: Scenario,
    ledger: Ledger,
    book: Book,
    progress: Progress,
    *,
    solver: SolverFigures,
    verify: str,
    commands: int,
) -> Report:
    """Work out the report of a run that has ended.

    Parameters
    ----------
    book
        What was acknowledged: the oracle of what may not be lost.
    verify
        The verdict of the ledger's own verification; an end too many found here is added to it.
    commands
        How many commands had an outcome.
    """
    chronicle = await Chronicle.read(ledger)
    stories = list(chronicle.stories.values())
    people = {volunteer.id: volunteer for volunteer in scenario.volunteers}
    speeds, weights = scenario.policy.speeds, scenario.policy.weights.left_out
    ends = Counter(story.ends[0][0] for story in stories if story.ends)
    done = [story for story in stories if story.done]
    waits = sorted(wait_s(story) for story in stories if story.complete_at is not None)
    travels = [visit_travel_s(story, people, speeds) for story in done]
    twice = ended_twice(chronicle)
    counts = chronicle.counts
    return Report(
        scenario=scenario.name,
        seed=scenario.seed,
        policy=scenario.policy.matching,
        requests=len(book.arrivals),
        ended=Ended(
            done=ends[RequestState.DONE],
            unserved=ends[RequestState.UNSERVED],
            cancelled=ends[RequestState.CANCELLED],
            refused=ends[RequestState.REFUSED],
        ),
        open=sum(not story.ends for story in stories),
        served_in_time=sum(in_time(story) for story in stories),
        served_weight=sum(weights[priority(story) - 1] for story in done),
        asked_weight=sum(weights[priority(story) - 1] for story in stories),
        unserved_by_reason=_why(stories),
        by_service=_by(stories, lambda story: story.spec.service_type),
        by_zone=_by(stories, lambda story: story.zone),
        seats_offered=counts["offered"],
        accepted=counts["accepted"],
        declined=counts["declined"],
        expired=counts["expired"],
        withdrawn=counts["withdrawn"],
        no_show=counts["no_show"],
        offers_per_served=round(counts["offered"] / len(done), 3) if done else 0.0,
        wait_s=Waits(p50=quantile(waits, 0.5), p90=quantile(waits, 0.9), max=waits[-1] if waits else 0.0),
        travel_s_per_visit=round(sum(travels) / len(travels), 1) if travels else 0.0,
        load_gini=round(gini(loads(done, scenario.volunteers)), 4),
        referrals=counts["referrals"],
        solver=solver,
        double_booked=len(double_bookings(chronicle.events, people, speeds)),
        lost=len(lost(chronicle, book.arrivals)),
        verify=f"{verify}; {len(twice)} requests ended twice" if twice else verify,
        wall_s=round(progress.wall_s, 2),
        simulated_s=progress.simulated_s,
        step_s=progress.step_s,
        commands=commands,
        events=len(chronicle.events),
    )


def priority(story: Story) -> int:
    """Priority of a request; one that the catalogue did not know counts as the lowest."""
    return story.need.priority if story.need is not None else story.spec.priority or 1


def wait_s(story: Story) -> float:
    """Seconds from the request to its first complete crew."""
    assert story.complete_at is not None
    return (story.complete_at - story.received_at).total_seconds()


def in_time(story: Story) -> bool:
    """Whether a request was served within an asked window, punctually, and before its completion target."""
    if not story.done or story.need is None or story.window is None:
        return False
    visit = story.window
    asked = any(window.start <= visit.start and visit.end <= window.end for window in story.need.windows)
    came = story.arrived_at is not None and story.arrived_at <= visit.start + PUNCTUAL
    return asked and came and visit.end <= story.need.complete_by


def visit_travel_s(story: Story, people: Mapping[str, Volunteer], speeds: TravelSpeeds) -> float:
    """Seconds that a visit's crew travels from home and back."""
    place = story.spec.place
    crew = [people[name] for name in story.crew if name in people]
    return sum(2 * travel_s(person, speeds, person.home, place) for person in crew)


def loads(done: Iterable[Story], volunteers: Sequence[Volunteer]) -> list[int]:
    """Count the visits of each volunteer who is not paused and has any availability."""
    visits = Counter(name for story in done for name in story.crew)
    return [visits[person.id] for person in volunteers if person.weekly and not person.paused]


def quantile(ordered: Sequence[float], share: float) -> float:
    """Smallest value that at least ``share`` of the sorted values do not exceed."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else 0.0


def _why(stories: Iterable[Story]) -> dict[str, int]:
    reasons = Counter(
        (story.ends[0][1].split(":")[0].strip() or "unknown")
        for story in stories
        if story.ends and story.ends[0][0] == RequestState.UNSERVED
    )
    return dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))


def _by(stories: Sequence[Story], key: Callable[[Story], str]) -> dict[str, Served]:
    groups: dict[str, list[Story]] = {}
    for story in stories:
        groups.setdefault(key(story), []).append(story)
    return {
        name: Served(
            requests=len(group),
            done=sum(story.done for story in group),
            served_in_time=sum(in_time(story) for story in group),
            unserved=sum(bool(story.ends) and story.ends[0][0] == RequestState.UNSERVED for story in group),
        )
        for name, group in sorted(groups.items())
    }
