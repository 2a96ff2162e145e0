"""Resume points in a dictionary."""

from collections.abc import Sequence

from domain.errors import ResumePointDamaged, StorageError
from domain.ports.resume_store import ResumeStore


class FakeResumeStore(ResumeStore):
    """Set `refusal` and nothing is kept or discarded until it is None again; `damage` spoils a point."""

    def __init__(self) -> None:
        self.refusal: StorageError | None = None
        self._points: dict[str, tuple[int, bytes]] = {}
        self._damaged: set[str] = set()

    def keep(self, job_id: str, fence: int, state: bytes) -> None:
        if self.refusal:
            raise self.refusal
        latest, _ = self._points.get(job_id, (0, b""))
        if fence >= latest:
            self._points[job_id] = fence, state
            self._damaged.discard(job_id)

    def read(self, job_id: str) -> bytes | None:
        if job_id in self._damaged:
            raise ResumePointDamaged
        _, state = self._points.get(job_id, (0, None))
        return state

    def job_ids(self) -> Sequence[str]:
        return sorted(self._points)

    def discard(self, job_id: str) -> None:
        if self.refusal:
            raise self.refusal
        self._points.pop(job_id, None)
        self._damaged.discard(job_id)

    def damage(self, job_id: str) -> None:
        """Make the job's point differ from what was kept."""
        self._damaged.add(job_id)
