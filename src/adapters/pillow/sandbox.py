"""A process that decodes one image and ends: limited in memory and time, with nothing to lose.

`python -m adapters.pillow.sandbox`: an image file on standard input, a plain PNG on standard output.
Exit code 2, with a sentence on standard error, for an image that is refused.
"""

import resource
import sys
import warnings
from io import BytesIO
from typing import Final

from PIL import Image, ImageOps

from domain.image import MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE

#: Never GIF, TIFF, EPS or anything whose decoder is larger than the need for it.
FORMATS: Final = ("PNG", "JPEG", "WEBP")
MEMORY_BYTES: Final = 1 << 30
CPU_SECONDS: Final = 10


def main() -> None:
    """Limit, decode, write, end."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    warnings.simplefilter("error")
    try:
        png = to_plain_png(sys.stdin.buffer.read())
    except Refused as refused:
        sys.stderr.write(str(refused))
        sys.exit(2)
    sys.stdout.buffer.write(png)


class Refused(Exception):
    """Why the image is not taken, as a sentence."""


def to_plain_png(data: bytes) -> bytes:
    """Decode the first frame and write it upright, RGB, without metadata."""
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_IMAGE_PIXELS or max(width, height) > MAX_IMAGE_SIDE:
                raise Refused(
                    f"It is {width}x{height}; at most {MAX_IMAGE_SIDE} pixels a side and "
                    f"{MAX_IMAGE_PIXELS // 10**6} megapixels are taken."
                )
            image.seek(0)
            upright = _of_8_bits(ImageOps.exif_transpose(image)).convert("RGBA")
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, Warning) as error:
        raise Refused("It is not a whole PNG, JPEG or WebP image.") from error
    plain = Image.new("RGB", upright.size)
    plain.paste(upright, mask=upright.getchannel("A"))
    output = BytesIO()
    plain.save(output, "PNG")
    return output.getvalue()


def _of_8_bits(image: Image.Image) -> Image.Image:
    """`image`, its grey levels divided by 256 where they have 16 bits; Pillow would cut them off."""
    if not image.mode.startswith("I"):
        return image
    return image.convert("I").point(lambda level: level * (1 / 256)).convert("L")


if __name__ == "__main__":
    main()
