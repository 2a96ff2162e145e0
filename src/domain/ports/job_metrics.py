"""Where what happens to jobs is counted."""

from abc import ABC, abstractmethod

from domain.job_event import JobStatus


class JobMetrics(ABC):
    """Counts, and forgets whose they were: nothing here is told an id, a prompt or a key.

    Never fails, never waits. Times are seconds.
    """

    @abstractmethod
    def submitted(self, checkpoint: str) -> None:
        """A job was accepted."""

    @abstractmethod
    def began(self, checkpoint: str, *, waited_s: float) -> None:
        """Its first attempt has begun."""

    @abstractmethod
    def stage_ended(self, checkpoint: str, stage: str, *, took_s: float) -> None:
        """An attempt is through with a stage: one of `domain.progress.Stage`, or `publishing`."""

    @abstractmethod
    def step_ended(self, checkpoint: str, *, took_s: float) -> None:
        """A denoising step is done."""

    @abstractmethod
    def resumed(self, *, is_rejected: bool) -> None:
        """An attempt went on from what another had saved, or could not."""

    @abstractmethod
    def requeued(self, code: str, *, lost_s: float) -> None:
        """An attempt came to nothing, and its job waits again.

        Args:
            code: why, as in `domain.errors`.
            lost_s: since what it had last saved, or since it began.
        """

    @abstractmethod
    def finished(
        self, checkpoint: str, outcome: JobStatus, *, code: str, took_s: float | None
    ) -> None:
        """A job is over.

        Args:
            code: why it failed, as in `domain.errors`; empty where it did not.
            took_s: since its first attempt began; None where there was none.
        """
