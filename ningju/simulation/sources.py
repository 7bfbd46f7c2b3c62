"""From the flags of a demo to a scenario: generated, or on real places and arrivals."""

from pathlib import Path

from ningju.simulation.places import read_arrivals, read_boundaries, read_places, real_ground
from ningju.simulation.scenario import Scenario, build
from schemas.zone import PolicyName


def load(
    name: str = "changning",
    seed: int = 1,
    *,
    days: int | None = None,
    policy: PolicyName = "ningju",
    places: Path | None = None,
    boundaries: Path | None = None,
    arrivals: Path | None = None,
    volume: int | None = None,
) -> Scenario:
    """Build a scenario, with real places and arrivals where files are given.

    Raises
    ------
    ValueError
        When the scenario is unknown, a file is bad (``BadInput``), or one file lacks the other that it needs.
    """
    if (places is None) != (boundaries is None):
        raise ValueError("places and boundaries go together: give both files, or neither")
    if places is not None and name == "tiny":
        raise ValueError("the scenario tiny has places of its own; choose changning or heatwave")
    ground = None
    if places is not None and boundaries is not None:
        ground = real_ground(read_places(places), read_boundaries(boundaries))
    times = None if arrivals is None else read_arrivals(arrivals)
    return build(name, seed, days=days, policy=policy, ground=ground, times=times, volume=volume)
