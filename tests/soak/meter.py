"""What a soak reads off: memory by process, how far consumers are behind, and the slope of it all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx2
import numpy as np
import psutil
from prometheus_client.parser import text_string_to_metric_families

MEGABYTE = 1e6
ENDS = frozenset({"done", "unserved", "cancelled", "refused"})


@dataclass(frozen=True)
class Reading:
    """One look.

    Parameters
    ----------
    at_s
        Seconds since the start.
    memory_mb
        Memory of their own, by process and its id.
    lag
        Events behind the zones' heads, by consumer.
    inbox, unended
        Commands without an outcome; requests without an end.
    """

    at_s: float
    memory_mb: Mapping[str, float]
    lag: Mapping[str, float]
    inbox: float
    unended: float


def read(at_s: float, processes: Mapping[str, Sequence[psutil.Process]], metrics: str) -> Reading:
    """Look once."""
    lag: dict[str, float] = {}
    inbox = unended = 0.0
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name == "ningju_consumer_lag":
                lag[sample.labels["consumer"]] = sample.value
            elif sample.name == "ningju_inbox_open":
                inbox = sample.value
            elif sample.name == "ningju_requests" and sample.labels["state"] not in ENDS:
                unended += sample.value
    memory = {}
    for name, process in ((name, one) for name, several in processes.items() for one in several):
        try:
            memory[f"{name} {process.pid}"] = process.memory_full_info().uss / MEGABYTE
        except psutil.NoSuchProcess:
            continue
    return Reading(at_s, memory, lag, inbox, unended)


async def metrics_of(client: httpx2.AsyncClient) -> str:
    """Ask for the figures."""
    return (await client.get("/metrics")).raise_for_status().text


def slopes(readings: Sequence[Reading], warm_s: float) -> dict[str, float]:
    """Megabytes an hour that each process's memory grows by, by least squares, once it is warm."""
    found = {}
    for name in dict.fromkeys(name for reading in readings for name in reading.memory_mb):
        points = [(one.at_s, one.memory_mb[name]) for one in readings if name in one.memory_mb and one.at_s >= warm_s]
        if len(points) >= 3:
            times, memory = np.array(points).T
            found[name] = float(np.polyfit(times / 3_600, memory, 1)[0])
    return found
