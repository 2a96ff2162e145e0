"""Everything that is counted in this process, and the text that Prometheus scrapes."""

from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from adapters.prometheus.job_metrics import BUCKETS_S, PrometheusJobMetrics
from adapters.prometheus.service_gauges import ServiceGauges
from domain.service_state import ServiceState

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


class Exposition:
    """A registry of its own: the library's has what nobody asked for. Safe to use from any thread."""

    def __init__(self, version: str) -> None:
        # Else each has a second sample beside it, for what a restart shows anyway.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's
        self._version = version
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self.jobs = PrometheusJobMetrics(self._registry)
        self._answers = Counter(
            "wan_http_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "wan_http_request_duration_seconds",
            "From the head of a request to the end of its answer; event streams last by design.",
            ["method", "route"],
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        self._rejections = Counter(
            "wan_rejections",
            "Requests refused; reason: the code of the problem.",
            ["route", "reason"],
            registry=self._registry,
        )
        self._webhooks = Counter(
            "wan_webhooks",
            "Tries to deliver a webhook: delivered, failed, given_up.",
            ["outcome"],
            registry=self._registry,
        )
        for outcome in ("delivered", "failed", "given_up"):  # each is 0 before it is 1
            self._webhooks.labels(outcome)
        self._writes = Histogram(
            "wan_db_write_seconds",
            "Transactions, from their begin to their durable end.",
            buckets=BUCKETS_S,
            registry=self._registry,
        )

    def answered(
        self, method: str, route: str, status: str, *, took_s: float, reason: str | None
    ) -> None:
        """A request is over.

        Args:
            method: one that HTTP knows, or `other`.
            route: as it is declared, never as it was asked for; `none` where there is no such route.
            status: `none` where the client went away before there was one.
            reason: the code of the problem, where it was refused.
        """
        self._answers.labels(method, route, status).inc()
        self._seconds.labels(method, route).observe(took_s)
        if reason is not None:
            self._rejections.labels(route, reason).inc()

    def wrote(self, seconds: float) -> None:
        """The database has been written."""
        self._writes.observe(seconds)

    def webhook(self, outcome: str) -> None:
        """A webhook was tried."""
        self._webhooks.labels(outcome).inc()

    def text(self, state: ServiceState) -> bytes:
        """What was counted, and `state`."""
        present = CollectorRegistry()
        present.register(ServiceGauges(state, self._version))
        return generate_latest(self._registry) + generate_latest(present)
