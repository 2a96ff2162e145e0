"""What a request names beside its words: what is known of it, and the files it lies in on this machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from domain.clip import InputClip
from domain.image import InputImage


def told_of_no_upload(kind: str, upload_id: str) -> str:
    """What is said where a draft names an upload that is not here. `kind`: image or video."""
    return f"No uploaded {kind} has the id {upload_id!r}: the answer to an upload has its id."


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a draft names by id, as it was found; each is None where the draft names none.

    Attributes:
        image: what the video begins with.
        last_image: what it ends with.
        video: what is made anew.
        control_video: what shows how things move, or what is to be kept.
        control_mask: where that is made anew (white) and where it is kept (black).
        face_video: what shows the face at every moment.
        references: who or what is to be seen.
    """

    image: InputImage | None = None
    last_image: InputImage | None = None
    video: InputClip | None = None
    control_video: InputClip | None = None
    control_mask: InputClip | None = None
    face_video: InputClip | None = None
    references: tuple[InputImage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFiles:
    """Where that lies: PNGs, and clips (`domain.clip`). The attributes are those of `Given`."""

    image: Path | None = None
    last_image: Path | None = None
    video: Path | None = None
    control_video: Path | None = None
    control_mask: Path | None = None
    face_video: Path | None = None
    references: tuple[Path, ...] = ()


class MayBegin(Protocol):
    """A request, or the files it names."""

    @property
    def image(self) -> object | None: ...


def is_at_one_timestep(given: MayBegin) -> bool:
    """Whether all tokens of a step have the same timestep, where each is given its own.

    Those of a picture that the video begins with stay at 0; what a video is made anew from is noised as all is.
    """
    return given.image is None


#: Words alone.
NOTHING_GIVEN: Final = Given()
NO_INPUTS: Final = InputFiles()
