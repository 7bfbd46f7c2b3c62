"""Figures for Prometheus."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from engine.ports import Stats, Store

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """One console's figures, in a registry of their own so that several can run in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        calls = ("method", "route", "status")
        self._calls = Counter("ningju_http_calls", "Calls answered", calls, registry=self.registry)
        self._seconds = Histogram(
            "ningju_http_seconds",
            "Seconds to the end of the answer",
            ("route",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._open = Gauge("ningju_inbox_open", "Commands without an outcome", registry=self.registry)
        self._requests = Gauge(
            "ningju_requests", "Requests by zone and state", ("zone", "state"), registry=self.registry
        )
        self._versions = Gauge("ningju_zone_version", "Version of each zone", ("zone",), registry=self.registry)
        self._lag = Gauge(
            "ningju_consumer_lag", "Events that a consumer is behind", ("consumer",), registry=self.registry
        )
        self._stats = Gauge("ningju_count", "Counters of the agents", ("name",), registry=self.registry)

    def called(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one call; ``route`` is the pattern, never the path with its ids."""
        self._calls.labels(method if method in METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    async def expose(self, store: Store, stats: Stats, consumers: Sequence[str] = ()) -> bytes:
        """Read the store's figures and write all of them in Prometheus' text format."""
        self._open.set(await store.open_count())
        self._requests.clear()
        for zone, states in (await store.counts()).items():
            for state, count in states.items():
                self._requests.labels(zone, state.value).set(count)
        cursors = {consumer: await store.cursors(consumer) for consumer in consumers}
        heads = await store.heads()  # after the cursors: nobody seems to be ahead
        for zone, version in heads.items():
            self._versions.labels(zone).set(version)
        for consumer, seen in cursors.items():
            self._lag.labels(consumer).set(sum(version - seen.get(zone, 0) for zone, version in heads.items()))
        for name, value in dict(stats.values).items():
            self._stats.labels(name).set(value)
        return generate_latest(self.registry)
