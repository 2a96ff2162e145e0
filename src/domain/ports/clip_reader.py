"""The part that looks at what videos strangers upload."""

from abc import ABC, abstractmethod
from pathlib import Path


class ClipReader(ABC):
    """Decodes videos from anywhere, safely. Blocking: call it off the event loop."""

    @abstractmethod
    def to_clip(self, data: bytes, target: Path) -> None:
        """Write the frames of an MP4, MOV, Matroska or WebM file, judged by its content, as a clip.

        The first video track only: every frame upright, RGB, 8 bits a sample, at its own time. The same
        file gives the same bytes.

        Args:
            target: where the archive of `domain.clip` is written, over whatever is there.

        Raises:
            VideoUnusable: it is another format, damaged, or larger than the limits of `domain.clip`.
                What is at `target` then means nothing.
            DiskFull: there was no room.
        """
