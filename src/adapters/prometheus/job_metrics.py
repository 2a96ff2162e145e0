"""What happens to jobs, as Prometheus counts it. Names: docs/metrics.md."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from domain.job_event import JobStatus
from domain.ports.job_metrics import JobMetrics

#: Seconds. A step of `mini` takes a tenth; a video of the largest checkpoint may take an hour.
BUCKETS_S: Final = (
    0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0,
)  # fmt: skip


class PrometheusJobMetrics(JobMetrics):
    """One label at most that grows with what there is: the checkpoints, of which there are few."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(name, about, labels, registry=registry)

        def histogram(name: str, about: str, *labels: str) -> Histogram:
            return Histogram(name, about, labels, buckets=BUCKETS_S, registry=registry)

        self._submitted = counter("wan_jobs_submitted", "Generations accepted.", "model")
        self._finished = counter(
            "wan_jobs_finished",
            "Generations that are over; reason: the code of the failure.",
            "model", "outcome", "reason",
        )  # fmt: skip
        self._quarantined = counter(
            "wan_jobs_quarantined", "Generations that failed as they kill workers."
        )
        self._waited = histogram(
            "wan_queue_wait_seconds", "From submission to the first attempt.", "model"
        )
        self._took = histogram(
            "wan_job_duration_seconds",
            "From the first attempt to the end, waits for further attempts included.",
            "model", "outcome",
        )  # fmt: skip
        self._stage = histogram(
            "wan_stage_duration_seconds", "Stages that an attempt came through.", "model", "stage"
        )
        self._step = histogram("wan_step_duration_seconds", "Denoising steps.", "model")
        self._resumed = counter("wan_resumes", "Attempts that found a resume point.", "result")
        self._requeued = counter(
            "wan_job_requeues", "Attempts that came to nothing and go on later.", "reason"
        )
        self._lost = counter(
            "wan_gpu_seconds_wasted",
            "Seconds of attempts after what they had last saved, where they came to nothing.",
            "reason",
        )

    def submitted(self, checkpoint: str) -> None:
        self._submitted.labels(checkpoint).inc()

    def began(self, checkpoint: str, *, waited_s: float) -> None:
        self._waited.labels(checkpoint).observe(waited_s)

    def stage_ended(self, checkpoint: str, stage: str, *, took_s: float) -> None:
        self._stage.labels(checkpoint, stage).observe(took_s)

    def step_ended(self, checkpoint: str, *, took_s: float) -> None:
        self._step.labels(checkpoint).observe(took_s)

    def resumed(self, *, is_rejected: bool) -> None:
        self._resumed.labels("rejected" if is_rejected else "resumed").inc()

    def requeued(self, code: str, *, lost_s: float) -> None:
        self._requeued.labels(code).inc()
        self._lost.labels(code).inc(lost_s)

    def finished(
        self, checkpoint: str, outcome: JobStatus, *, code: str, took_s: float | None
    ) -> None:
        self._finished.labels(checkpoint, outcome.value, code).inc()
        if code == "quarantined":
            self._quarantined.inc()
        if took_s is not None:
            self._took.labels(checkpoint, outcome.value).observe(took_s)
