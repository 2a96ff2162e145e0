"""Where videos lie."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from domain.video import SealedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What lies in the store.

    Attributes:
        published, staged: ids of the jobs that have such files.
        strangers: names of whatever else is there.
    """

    published: Sequence[str]
    staged: Sequence[str]
    strangers: Sequence[str]


class ArtifactStore(ABC):
    """Files on their way to being visible, and visible ones. Blocking: call it off the event loop.

    A file is staged (private to one attempt), then published (visible, one per job). A crash between
    any two calls leaves a state that the same calls can go on from.
    """

    @abstractmethod
    def stage(self, job_id: str, fence: int) -> Path:
        """A path where that attempt may write its file; what an earlier try left there is gone."""

    @abstractmethod
    def seal(self, staged: Path) -> SealedFile:
        """Make the staged file durable (fsync) and hash it.

        Raises:
            DiskFull, StorageError: it could not be made durable.
        """

    @abstractmethod
    def publish(self, job_id: str, fence: int, *, sha256: str) -> Path:
        """Make the attempt's file the job's video, durably: rename, then fsync the directory.

        Doing it again does nothing. Returns where it lies.

        Raises:
            OutputMissing: neither a staged nor a published file has that hash.
            StorageError: it could not be made durable or cannot be read; trying again may do.
        """

    @abstractmethod
    def locate(self, job_id: str) -> Path:
        """Where the job's published video lies.

        Raises:
            OutputMissing: it has none.
        """

    @abstractmethod
    def examine(self, job_id: str) -> SealedFile:
        """The job's published video, read from end to end.

        Raises:
            OutputMissing: it has none.
            StorageError: it cannot be read.
        """

    @abstractmethod
    def discard(self, job_id: str, *, fence: int | None = None) -> None:
        """Remove what that attempt staged, or every attempt where it is None. Published files stay."""

    @abstractmethod
    def survey(self) -> Survey:
        """What there is; a file of unknown meaning is told, and never touched."""
