"""A run's resume points, in the test's hands."""

from collections.abc import Collection

from domain.resume import ResumePoints


class FakeResumePoints(ResumePoints):
    """Loads `saved`, and keeps in `points` what is saved after the steps that are `due`, and the last."""

    def __init__(self, saved: bytes | None = None, *, due: Collection[int] = ()) -> None:
        self._saved = saved
        self._due = due
        self.points: dict[int, bytes] = {}
        self.accepted: int | None = None
        self.rejected: str | None = None

    def load(self) -> bytes | None:
        return self._saved

    def accept(self, step: int) -> None:
        self.accepted = step

    def reject(self, reason: str) -> None:
        self.rejected = reason

    def is_due(self, step: int, steps: int) -> bool:
        return step == steps or step in self._due

    def save(self, step: int, state: bytes) -> None:
        self.points[step] = state
