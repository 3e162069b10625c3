"""Figures for Prometheus: requests by route and status, seconds by step, places taken."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from pocketmatte.apps.server.engine import Engine
from pocketmatte.apps.server.options import Result

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """One registry per server, so that several in one process do not share counts."""

    def __init__(self, engine: Engine) -> None:
        self._registry = CollectorRegistry()
        labels = ("route", "status")
        self._requests = Counter("pocketmatte_requests", "Requests answered.", labels, registry=self._registry)
        self._seconds = Histogram(
            "pocketmatte_request_seconds",
            "Seconds from a request's headers to its answer.",
            ("route",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._steps = Histogram(
            "pocketmatte_step_seconds",
            "Seconds of one step on one picture.",
            ("step",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        places = Gauge("pocketmatte_requests_admitted", "Requests worked on or waiting.", registry=self._registry)
        places.set_function(lambda: engine.admitted)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def result(self, result: Result) -> None:
        """Note the steps of one picture."""
        for step, seconds in result.seconds.items():
            self._steps.labels(step).observe(seconds)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self._registry)
