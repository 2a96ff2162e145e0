"""Pillow, kept at arm's length: every image is decoded in a process of its own."""

import subprocess
import sys
from typing import Final

from domain.errors import ImageUnusable
from domain.image import MAX_IMAGE_BYTES
from domain.ports import image_reader

#: Seconds on the wall; the sandbox limits its own processor time below that.
_DEADLINE_S: Final = 15.0
_REFUSED: Final = 2


class PillowImageReader(image_reader.ImageReader):
    """Starts `adapters.pillow.sandbox` for each image; whatever that dies of is the image's fault."""

    def to_png(self, data: bytes) -> bytes:
        if len(data) > MAX_IMAGE_BYTES:
            raise ImageUnusable(f"The image is larger than {MAX_IMAGE_BYTES // 2**20} MiB.")
        try:
            sandbox = subprocess.run(
                [sys.executable, "-m", "adapters.pillow.sandbox"],
                input=data,
                capture_output=True,
                timeout=_DEADLINE_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ImageUnusable("The image takes too long to decode.") from error
        if sandbox.returncode == _REFUSED:
            raise ImageUnusable(f"The image is not taken. {sandbox.stderr.decode()}")
        if sandbox.returncode != 0:
            raise ImageUnusable("The image cannot be decoded within the limits.")
        return sandbox.stdout
