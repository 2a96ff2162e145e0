"""Where the images lie that generations begin and end with."""

from abc import ABC, abstractmethod
from pathlib import Path


class ImageStore(ABC):
    """Images by their content: the same picture is kept once. Blocking: call it off the event loop."""

    @abstractmethod
    def keep(self, png: bytes) -> str:
        """Keep an image, durably. Returns its id, which only depends on the bytes.

        Raises:
            DiskFull, StorageError: it could not be made durable.
        """

    @abstractmethod
    def locate(self, image_id: str) -> Path:
        """Where that image lies.

        Raises:
            UnknownImage: there is none.
        """
