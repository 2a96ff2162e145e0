"""When a run saves what it has made, and what it goes on from."""

from typing import Protocol


class ResumePoints(Protocol):
    """A run's own access to its job's resume point; the pipeline knows nothing else of jobs."""

    def load(self) -> bytes | None:
        """What an earlier attempt saved; None where there is nothing whole to go on from."""

    def accept(self, step: int) -> None:
        """Tell that the run goes on after `step` steps."""

    def reject(self, reason: str) -> None:
        """Tell that what `load` gave cannot be used, and why; the run begins at the first step."""

    def is_due(self, step: int, steps: int) -> bool:
        """Whether to save now that `step` of `steps` are done.

        Always after the last step, so that decoding can be tried again alone, and where the run was
        asked to hand its job back.
        """

    def save(self, step: int, state: bytes) -> None:
        """Keep `state`, from which another run goes on after `step` steps, durably."""
