"""What a run comes to, in a few lines for docs/reliability.md."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.storm.diary import read


def figures(folder: Path) -> str:
    """Sum a run's evidence up."""
    state: dict[str, Any] = json.loads((folder / "state.json").read_text())
    strikes = list(read(folder / "strikes.jsonl"))
    hit = [one for one in strikes if not {"nobody", "killed meanwhile", "harness"} & one.keys()]
    done = Counter(one["strike"] for one in hit)
    kinds: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    with (folder / "events.jsonl").open("rb") as lines:
        for line in lines:
            event = json.loads(line)["event"]
            kinds[event["kind"]] += 1
            if event["kind"] == "request_ended":
                ends[event["end"]] += 1
    worst = sorted(max(one["served_again"].values()) for one in hit if one.get("served_again"))
    drains = sorted(one["took_s"] for one in strikes if "took_s" in one)
    drains = sorted(drains + [one["took_s"] for one in state["drained"].values() if one is not None])
    lines_ = [
        f"{state['requests']} requests acknowledged ({dict(ends)}), {state['commands']} commands, "
        f"{sum(kinds.values())} events, {kinds['seat_accepted']} seats taken, {state['calls']} calls",
        f"strikes: {dict(done)}; {state['counts'].get('brokers restarted', 0)} broker restarts, "
        f"{state['counts'].get('database started again', 0)} starts of the database",
        f"processes ended, by exit code: {state['ends']}",
    ]
    if worst:
        lines_.append(
            f"zones served again after kill -9 of a zone worker, worst zone of each of {len(worst)}: "
            f"p50 {quantile(worst, 0.5):.1f} s, p99 {quantile(worst, 0.99):.1f} s, max {worst[-1]:.1f} s"
        )
    if drains:
        lines_.append(f"{len(drains)} drains on SIGTERM: p50 {quantile(drains, 0.5):.1f} s, max {drains[-1]:.1f} s")
    return "\n".join(lines_)


def quantile(values: list[float], share: float) -> float:
    """Nearest rank from above, of sorted values."""
    return values[min(len(values) - 1, int(share * len(values)))]
