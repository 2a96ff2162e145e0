"""Where what a run has made so far outlives it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence


class ResumeStore(ABC):
    """One resume point per job: the latest. Blocking: call it off the event loop."""

    @abstractmethod
    def keep(self, job_id: str, fence: int, state: bytes) -> None:
        """Make `state` the job's resume point, durably; what was there before is gone then.

        A crash at any moment leaves the former one or this one, whole. An attempt older than the one
        that kept the present resume point changes nothing.

        Raises:
            DiskFull, StorageError: it could not be made durable; the former one is untouched.
        """

    @abstractmethod
    def read(self, job_id: str) -> bytes | None:
        """The job's resume point, byte for byte as it was kept; None where there is none.

        Raises:
            ResumePointDamaged: there is one, but not as it was kept.
            StorageError: it cannot be read.
        """

    @abstractmethod
    def job_ids(self) -> Sequence[str]:
        """The jobs that have a resume point."""

    @abstractmethod
    def discard(self, job_id: str) -> None:
        """Remove the job's resume point. Without one, does nothing."""
