"""Where the images and the videos lie that generations are made from."""

from abc import ABC, abstractmethod
from pathlib import Path


class ImageStore(ABC):
    """Images and clips by their content: the same is kept once. Blocking: call it off the event loop."""

    @abstractmethod
    def keep(self, png: bytes) -> str:
        """Keep an image, durably. Returns its id, which only depends on the bytes.

        Raises:
            DiskFull, StorageError: it could not be made durable.
        """

    @abstractmethod
    def sweep(self) -> None:
        """Remove what a dead process had begun to keep. Must not run while anything is kept.

        Raises:
            StorageError: it cannot be removed.
        """

    @abstractmethod
    def locate(self, image_id: str) -> Path:
        """Where that image lies.

        Raises:
            UnknownImage: there is none.
        """

    @abstractmethod
    def stage_clip(self) -> Path:
        """An empty file of its own, on the store's file system, for one clip to be written to.

        Raises:
            DiskFull, StorageError: there can be none.
        """

    @abstractmethod
    def keep_clip(self, staged: Path) -> str:
        """Keep what was staged, durably; `staged` is gone then. Returns an id as `keep` does.

        Raises:
            DiskFull, StorageError: it could not be made durable.
        """

    @abstractmethod
    def locate_clip(self, clip_id: str) -> Path:
        """Where that clip lies.

        Raises:
            UnknownVideo: there is none.
        """
