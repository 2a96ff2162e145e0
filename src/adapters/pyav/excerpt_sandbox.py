"""A process that takes excerpts out of one video and ends: limited in memory and time, with nothing to lose.

`python -m adapters.pyav.excerpt_sandbox LAYOUT`: a video of ours on standard input, which is its file, and the
`domain.excerpts.SheetLayout` as JSON; a ZIP archive of the excerpts on standard output.
"""

import json
import resource
import sys
from io import BytesIO
from typing import BinaryIO, Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import av
from PIL import Image

from adapters.pyav.excerpt_maker import RECIPE, SHEET, THUMBNAIL
from adapters.pyav.sandbox import upright_picture
from domain.excerpts import THUMBNAIL_SIDE, SheetLayout, within
from domain.recipe import RECIPE_KEY

MEMORY_BYTES: Final = 2 << 30
CPU_SECONDS: Final = 60
#: WebP's own scale to 100; at 80 nobody sees a difference at these sizes.
_QUALITY: Final = 80


def main() -> None:
    """Limit, decode, write, end."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    av.logging.set_level(av.logging.PANIC)
    told = json.loads(sys.argv[1])
    layout = SheetLayout(**{**told, "frames": tuple(told["frames"])})
    output = BytesIO()
    write_excerpts(sys.stdin.buffer, layout, output)
    sys.stdout.buffer.write(output.getvalue())


def write_excerpts(video: BinaryIO, layout: SheetLayout, target: BinaryIO) -> None:
    """Decode as far as the last frame of `layout`, and write the archive.

    Raises:
        ValueError: the video has fewer frames than that.
        av.FFmpegError: it cannot be decoded.
    """
    cell = (layout.cell_width, layout.cell_height)
    sheet = Image.new("RGB", (layout.columns * cell[0], layout.rows * cell[1]))
    middle = layout.frames[len(layout.frames) // 2]
    places = {number: divmod(place, layout.columns) for place, number in enumerate(layout.frames)}
    with av.open(video, "r", format="mp4") as container:
        recipe = container.metadata.get(RECIPE_KEY, "")
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        for number, frame in enumerate(container.decode(stream)):
            if not places:
                break
            if number not in places:
                continue
            picture = upright_picture(frame)
            row, column = places.pop(number)
            small = picture.resize(cell, Image.Resampling.LANCZOS)
            sheet.paste(small, (column * cell[0], row * cell[1]))
            if number == middle:
                size = within(THUMBNAIL_SIDE, width=picture.width, height=picture.height)
                thumbnail = picture.resize(size, Image.Resampling.LANCZOS)
    if places:
        raise ValueError(f"The video has fewer than {layout.frames[-1] + 1} frames.")
    with ZipFile(target, "w", ZIP_STORED) as archive:
        archive.writestr(ZipInfo(THUMBNAIL), _webp(thumbnail))
        archive.writestr(ZipInfo(SHEET), _webp(sheet))
        archive.writestr(ZipInfo(RECIPE), recipe)


def _webp(picture: Image.Image) -> bytes:
    output = BytesIO()
    picture.save(output, "WEBP", quality=_QUALITY, method=4)
    return output.getvalue()


if __name__ == "__main__":
    main()
