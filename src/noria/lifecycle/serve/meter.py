"""What a service counts, as Prometheus reads it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from noria.lifecycle.serve.endpoint import Endpoint, Exchange
from noria.lifecycle.serve.serving import Serving

__all__ = ["Meter"]

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_VERSION = ("model", "version", "role")


class _OfModel(Collector):
    """The counters of one model."""

    def __init__(self, registry: CollectorRegistry, model: str) -> None:
        self._registry, self._model = registry, model

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [one for one in metric.samples if one.labels.get("model") == self._model]
            if metric.samples:
                yield metric


class Meter:
    """Counters of one service; of several processes, if ``PROMETHEUS_MULTIPROC_DIR`` names their folder."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()

        def made(kind: Any, name: str, doc: str, labels: Iterable[str] = (), **more: Any) -> Any:
            return kind(f"noria_{name}", doc, labels, registry=self._registry, **more)

        self._requests = made(Counter, "requests", "Requests that were answered.", _VERSION)
        self._rows = made(Counter, "rows", "Rows that were answered.", _VERSION)
        self._refused = made(Counter, "rows_refused", "Rows that got an error.", _VERSION)
        self._unanswered = made(Counter, "rows_unanswered", "Questions without an answer.", _VERSION)
        self._asked = made(Counter, "language_calls", "Calls of a language model.", _VERSION)
        self._failed = made(Counter, "language_failures", "Calls of it that failed.", _VERSION)
        self._tokens = made(
            Counter, "language_tokens", "Tokens that it read and wrote, where it tells.", (*_VERSION, "kind")
        )
        self._errors = made(Counter, "errors", "Requests that were refused.", ("model", "error"))
        self._seconds = made(
            Histogram,
            "request_seconds",
            "From a request's last byte to its answer.",
            _VERSION,
            buckets=_SECONDS,
        )
        self._logged = made(Counter, "logged_rows", "Rows that the log has kept.")
        self._lag = made(
            Histogram, "log_lag_seconds", "How long answers waited for the log.", buckets=_SECONDS
        )
        self._shadows = made(Counter, "shadow_rows", "Rows that a shadow got.", ("model", "outcome"))
        self._swaps = made(Counter, "swaps", "Versions that were exchanged.", ("model", "alias", "outcome"))
        self._version = made(
            Gauge, "model_version", "The version that answers to an alias.", ("model", "alias"),
            multiprocess_mode="livemax",
        )  # fmt: skip
        self._waiting = made(
            Gauge, "waiting_rows", "Rows that are being worked on.", multiprocess_mode="livesum"
        )
        self._of = lru_cache(1_000)(self._children)

    def answered(self, serving: Serving, rows: int, refused: int, seconds: float) -> None:
        """A version has answered some rows of a request."""
        requests, all_rows, bad, latency = self._of(serving.name, serving.version, serving.role)
        requests.inc()
        all_rows.inc(rows - refused)
        if refused:
            bad.inc(refused)
        latency.observe(seconds)

    def questions(self, serving: Serving, answers: Iterable[Mapping[str, Any]]) -> None:
        """A version has answered some questions from documents, perhaps with a language model."""
        labels = serving.name, serving.version, serving.role
        for answer in answers:
            self._unanswered.labels(*labels).inc(answer.get("found") is False)
            if spent := answer.get("language"):
                self._asked.labels(*labels).inc(spent["calls"])
                self._failed.labels(*labels).inc(spent["failures"])
                for kind in ("read", "written"):
                    self._tokens.labels(*labels, kind).inc(spent[kind])

    def failed(self, name: str, error: str) -> None:
        """A request was refused."""
        self._errors.labels(name, error).inc()

    def kept(self, lines: int, seconds: float) -> None:
        """The log has kept some lines, of which the first waited so long."""
        self._logged.inc(lines)
        self._lag.observe(seconds)

    def shadowed(self, name: str, rows: int, outcome: str) -> None:
        """A shadow has got some rows, or was spared them."""
        self._shadows.labels(name, outcome).inc(rows)

    def exchanged(self, exchange: Exchange) -> None:
        """An alias has moved."""
        outcome = "failed" if exchange.problem else "done"
        self._swaps.labels(exchange.name, exchange.alias, outcome).inc()

    def observe(self, endpoints: Iterable[Endpoint], waiting: int) -> None:
        """How it is now; another process of the service may be the one that tells."""
        self._waiting.set(waiting)
        for endpoint in endpoints:
            for alias, serving in endpoint.servings.items():
                self._version.labels(endpoint.name, alias).set(serving.version)

    def text(self, endpoints: Iterable[Endpoint], waiting: int, model: str | None = None) -> bytes:
        """All of it, or what is of one model, in Prometheus' text format."""
        self.observe(endpoints, waiting)
        found = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            found = CollectorRegistry()
            MultiProcessCollector(found)
        if model is None:
            return generate_latest(found)
        of_model = CollectorRegistry()
        of_model.register(_OfModel(found, model))
        return generate_latest(of_model)

    def _children(self, *labels: object) -> tuple[Any, ...]:
        counters = (self._requests, self._rows, self._refused, self._seconds)
        return tuple(one.labels(*labels) for one in counters)
