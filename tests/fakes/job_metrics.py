"""Counts in a list."""

from domain.job_event import JobStatus
from domain.ports.job_metrics import JobMetrics


class FakeJobMetrics(JobMetrics):
    """`told`: everything, in order, each with its name first."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def submitted(self, checkpoint: str) -> None:
        self.told.append(("submitted", checkpoint))

    def began(self, checkpoint: str, *, waited_s: float) -> None:
        self.told.append(("began", checkpoint, waited_s))

    def stage_ended(self, checkpoint: str, stage: str, *, took_s: float) -> None:
        self.told.append(("stage ended", checkpoint, stage, took_s))

    def step_ended(self, checkpoint: str, *, took_s: float) -> None:
        self.told.append(("step ended", checkpoint, took_s))

    def resumed(self, *, is_rejected: bool) -> None:
        self.told.append(("resumed", is_rejected))

    def requeued(self, code: str, *, lost_s: float) -> None:
        self.told.append(("requeued", code, lost_s))

    def finished(
        self, checkpoint: str, outcome: JobStatus, *, code: str, took_s: float | None
    ) -> None:
        self.told.append(("finished", checkpoint, outcome, code, took_s))
