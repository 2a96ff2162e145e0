"""Taking published videos away."""

from abc import ABC, abstractmethod


class OutputRemover(ABC):
    """Where videos lie, for those who may remove one. Blocking: call it off the event loop."""

    @abstractmethod
    def remove(self, job_id: str) -> None:
        """Remove the job's published video, durably; where it has none, do nothing.

        Raises:
            StorageError: it cannot be removed.
        """
