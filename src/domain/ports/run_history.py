"""What runs took on this machine."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from domain.run_record import PastRun, RunRecord


class RunHistory(ABC):
    """Whole runs that were measured and planned; written by `JobRepository`."""

    @abstractmethod
    async def of_kind(self, kind: str, *, limit: int = 20) -> Sequence[PastRun]:
        """The last runs of that kind, newest first; none where there were none.

        Args:
            kind: as `domain.run_record.run_kind` spells it.
            limit: at most this many.

        Raises:
            StorageError: they could not be read.
        """

    @abstractmethod
    async def latest(self, *, limit: int = 50) -> Sequence[RunRecord]:
        """The last runs of any kind, newest first, at most `limit` of them.

        Raises:
            StorageError: they could not be read.
        """
