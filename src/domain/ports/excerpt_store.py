"""Where excerpts of videos are remembered."""

from abc import ABC, abstractmethod

from domain.excerpts import Excerpts


class ExcerptStore(ABC):
    """A cache by the video's hash, which may be emptied at any time. Blocking: call it off the event loop."""

    @abstractmethod
    def find(self, sha256: str) -> Excerpts | None:
        """What is remembered of the video with that hash; None where that is nothing, or not whole.

        Raises:
            StorageError: it cannot be read.
        """

    @abstractmethod
    def keep(self, sha256: str, excerpts: Excerpts) -> None:
        """Remember them. What is kept twice at once is the same.

        Raises:
            DiskFull, StorageError: they could not be written.
        """

    @abstractmethod
    def forget(self, sha256: str) -> None:
        """Remember nothing of it; without anything, do nothing.

        Raises:
            StorageError: it cannot be removed.
        """
