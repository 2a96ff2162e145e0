"""What a request names beside its words, as files on this machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFiles:
    """Where that lies which a request names by id; each is None where the request names none.

    Attributes:
        image: the PNG that the video begins with.
        last_image: the PNG that it ends with.
        video: the clip (`domain.clip`) that it is made from.
    """

    image: Path | None = None
    last_image: Path | None = None
    video: Path | None = None


#: Words alone.
NO_INPUTS: Final = InputFiles()
