"""Taking excerpts out of videos."""

from abc import ABC, abstractmethod
from pathlib import Path

from domain.excerpts import Excerpts, SheetLayout


class ExcerptMaker(ABC):
    """Decodes a video of ours. Blocking: call it off the event loop."""

    @abstractmethod
    def make(self, video: Path, layout: SheetLayout) -> Excerpts:
        """A thumbnail (the middle frame), the frames of `layout`, and the recipe; equal files give equal ones.

        Raises:
            OutputMissing: the file is not there.
            VideoUnusable: it cannot be decoded.
        """
