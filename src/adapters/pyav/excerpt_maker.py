"""Excerpts of videos, each taken in a process of its own: the server never decodes."""

import json
import subprocess
import sys
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Final
from zipfile import BadZipFile, ZipFile

from domain.errors import OutputMissing, VideoUnusable
from domain.excerpts import Excerpts, SheetLayout
from domain.ports import excerpt_maker

#: Names within the archive that the sandbox writes.
THUMBNAIL: Final = "thumbnail.webp"
SHEET: Final = "spritesheet.webp"
RECIPE: Final = "recipe.json"
#: Seconds on the wall; the sandbox limits its own processor time below that.
_DEADLINE_S: Final = 90.0


class PyAvExcerptMaker(excerpt_maker.ExcerptMaker):
    """Starts `adapters.pyav.excerpt_sandbox` for each video."""

    def make(self, video: Path, layout: SheetLayout) -> Excerpts:
        told = json.dumps(asdict(layout))
        try:
            with video.open("rb") as file:
                sandbox = subprocess.run(  # noqa: S603 - our own module and our own numbers
                    [sys.executable, "-m", "adapters.pyav.excerpt_sandbox", told],
                    stdin=file,
                    capture_output=True,
                    timeout=_DEADLINE_S,
                    check=False,
                )
        except FileNotFoundError as error:
            raise OutputMissing from error
        except subprocess.TimeoutExpired as error:
            raise VideoUnusable("The video takes too long to decode.") from error
        if sandbox.returncode != 0:
            raise VideoUnusable("The video's file cannot be decoded: it may be damaged.")
        try:
            with ZipFile(BytesIO(sandbox.stdout)) as archive:
                return Excerpts(
                    thumbnail=archive.read(THUMBNAIL),
                    spritesheet=archive.read(SHEET),
                    recipe=archive.read(RECIPE).decode() or None,
                )
        except BadZipFile as error:
            raise VideoUnusable("The video's file cannot be decoded: it may be damaged.") from error
