"""FFmpeg's decoders, kept at arm's length: every video is decoded in a process of its own."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from domain.clip import MAX_CLIP_BYTES
from domain.errors import DiskFull, VideoUnusable
from domain.ports import clip_reader

#: Seconds on the wall; the sandbox limits its own processor time below that.
_DEADLINE_S: Final = 90.0
_REFUSED: Final = 2
_DISK_FULL: Final = 3


class PyAvClipReader(clip_reader.ClipReader):
    """Starts `adapters.pyav.sandbox` for each video; whatever that dies of is the video's fault."""

    def to_clip(self, data: bytes, target: Path) -> None:
        if len(data) > MAX_CLIP_BYTES:
            raise VideoUnusable(f"The video is larger than {MAX_CLIP_BYTES // 2**20} MiB.")
        try:
            with target.open("wb") as clip:
                sandbox = subprocess.run(
                    [sys.executable, "-m", "adapters.pyav.sandbox"],
                    input=data,
                    stdout=clip,
                    stderr=subprocess.PIPE,
                    timeout=_DEADLINE_S,
                    check=False,
                )
        except subprocess.TimeoutExpired as error:
            raise VideoUnusable("The video takes too long to decode.") from error
        if sandbox.returncode == _REFUSED:
            raise VideoUnusable(f"The video is not taken. {sandbox.stderr.decode()}")
        if sandbox.returncode == _DISK_FULL:
            raise DiskFull
        if sandbox.returncode != 0:
            raise VideoUnusable("The video cannot be decoded within the limits.")
