"""The part that makes a file out of frames."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from domain.appearance import Appearance
from domain.video import FrameChunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """What a media file holds, as read back from it.

    Attributes:
        pictures_sha256: of the encoded pictures alone: equal where only what is told beside them differs.
    """

    width: int
    height: int
    num_frames: int
    fps: float
    duration_s: float
    codec: str
    appearance: Appearance
    metadata: Mapping[str, str]
    pictures_sha256: str


class VideoEncoder(ABC):
    """Writes and reads media files."""

    @abstractmethod
    def encode(
        self, chunks: Iterable[FrameChunk], path: Path, *, fps: int, metadata: Mapping[str, str]
    ) -> Footage:
        """Write the frames to a new file at `path`, reading it back afterwards.

        Memory stays bounded by one chunk. Whatever the iterable raises passes through. The file is
        closed but not yet durable. The same frames and metadata give the same bytes.

        Args:
            metadata: text embedded in the container, given back by `probe` under the same keys.

        Raises:
            EncodingFailed: it could not be written, or what was read back differs.
            DiskFull, StorageError: there was no room, or the disk refused.
        """

    @abstractmethod
    def probe(self, path: Path) -> Footage:
        """What the file at `path` holds, by decoding all of it.

        Raises:
            EncodingFailed: it is not a whole media file.
            StorageError: the disk refused.
        """
