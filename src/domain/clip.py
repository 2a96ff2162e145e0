"""Videos that are given: what is accepted, how one is kept, and which of its frames stand where.

A clip is kept as a ZIP archive: `clip.json` with its facts, and every frame as `000000.png`, …, all of
them stored without further compression.
"""

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zipfile import ZipFile

from domain.image import InputImage

#: Limits of an uploaded video. The pixels of all its frames together bound what is decoded and kept:
#: 10 s of 832x480 at 30 frames a second.
MAX_CLIP_BYTES: Final = 32 * 2**20
MAX_CLIP_PIXELS: Final = 120_000_000
MAX_CLIP_FRAMES: Final = 1000
MAX_CLIP_SIDE: Final = 4096

#: How the ids of clips begin.
CLIP_PREFIX: Final = "vid_"

#: How much later than a moment a frame may begin and still stand for it, of the shorter frame's length.
_SLACK_PERCENT: Final = 30
_SECOND_US: Final = 1_000_000
_FACTS: Final = "clip.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputClip:
    """A video that was given: upright, RGB, kept under its own hash.

    Attributes:
        id: `vid_` and the SHA-256 of the kept file; the same frames at the same times have the same id.
        times_us: when each frame begins, in microseconds; the first at 0, rising.
        duration_us: when the last one ends.
    """

    id: str
    width: int
    height: int
    times_us: tuple[int, ...]
    duration_us: int

    @property
    def picture(self) -> InputImage:
        """Any of its frames, as far as its shape goes."""
        return InputImage(id=self.id, width=self.width, height=self.height)

    def length_at(self, fps: int) -> int:
        """How many frames it fills where `fps` of them are shown in a second: at least one."""
        return max(1, (2 * self.duration_us * fps + _SECOND_US) // (2 * _SECOND_US))

    def frame_at(self, number: int, fps: int) -> int:
        """Which of its frames is on show when frame `number` of `fps` a second begins.

        One that begins a little later counts: a container rounds its times, and 29.97 is meant as 30.
        """
        own_us = self.duration_us // len(self.times_us)
        slack_us = min(own_us, _SECOND_US // fps) * _SLACK_PERCENT // 100
        moment_us = number * _SECOND_US // fps + slack_us
        return max(0, bisect_right(self.times_us, moment_us) - 1)


#: Brands of pictures in MP4's container: ISO 23008-12, and AVIF.
_STILLS: Final = frozenset({b"heic", b"heix", b"mif1", b"avif"})


def is_video(data: bytes) -> bool:
    """Whether a file begins as MP4 (ISO 14496-12) or Matroska and WebM (RFC 8794) do.

    HEIC and AVIF pictures begin as MP4 does, and say that they are none.
    """
    is_mp4 = data[4:8] == b"ftyp" and data[8:12] not in _STILLS
    return is_mp4 or data[:4] == b"\x1a\x45\xdf\xa3"


def clip_facts(
    *, width: int, height: int, times_us: Sequence[int], duration_us: int
) -> tuple[str, str]:
    """Name and content of the archive's first member, which `read_clip` reads."""
    facts = {
        "width": width,
        "height": height,
        "times_us": list(times_us),
        "duration_us": duration_us,
    }
    return _FACTS, json.dumps(facts)


def frame_name(number: int) -> str:
    """The member that holds frame `number`, counted from 0."""
    return f"{number:06}.png"


def last_frame(path: Path) -> bytes:
    """The PNG of the last frame of one of our own archives."""
    clip = read_clip("", path)
    with ZipFile(path) as archive:
        return archive.read(frame_name(len(clip.times_us) - 1))


def read_clip(clip_id: str, path: Path) -> InputClip:
    """What is known of one of our own archives."""
    with ZipFile(path) as archive:
        facts = json.loads(archive.read(_FACTS))
    return InputClip(
        id=clip_id,
        width=facts["width"],
        height=facts["height"],
        times_us=tuple(facts["times_us"]),
        duration_us=facts["duration_us"],
    )
