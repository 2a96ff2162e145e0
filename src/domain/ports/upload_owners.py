"""Who may make something of which upload."""

from abc import ABC, abstractmethod


class UploadOwners(ABC):
    """Uploads are named by their content, so one may be several users'. Blocking."""

    @abstractmethod
    def add(self, upload_id: str, client: str) -> None:
        """That upload is `client`'s, too, durably; doing it again does nothing.

        Raises:
            DiskFull, StorageError: it could not be made durable.
        """

    @abstractmethod
    def owns(self, upload_id: str, client: str) -> bool:
        """Whether it was added for that client; False for whatever is no upload's id at all."""
