"""Pictures from strangers: good ones, wrong ones, and bombs."""

import struct
import time
import zlib
from io import BytesIO

import pytest
from PIL import Image

from adapters.pillow.image_reader import PillowImageReader
from domain.errors import ImageUnusable
from tests.integration.pictures import encoded


def decoded(data: bytes) -> Image.Image:
    return Image.open(BytesIO(PillowImageReader().to_png(data)))


def a_bomb(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_three_formats_are_taken(kind: str) -> None:
    image = decoded(encoded(kind))

    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (48, 32))
    red, green, blue = image.getpixel((9, 9))  # type: ignore[misc]
    assert (abs(red - 200) < 8, abs(green - 30) < 8, abs(blue - 60) < 8) == (True, True, True)


@pytest.mark.parametrize(
    ("mode", "colour", "becomes"),
    [
        ("L", 90, (90, 90, 90)),
        ("RGBA", (90, 60, 30, 128), (45, 30, 15)),
        ("1", 1, (255, 255, 255)),
        ("I;16", 90 * 256, (90, 90, 90)),
        ("LA", (90, 128), (45, 45, 45)),
    ],
)
def test_every_kind_of_pixel_becomes_rgb(
    mode: str, colour: object, becomes: tuple[int, int, int]
) -> None:
    image = decoded(encoded("PNG", mode=mode, colour=colour))

    assert image.mode == "RGB"
    assert image.getpixel((9, 9)) == becomes


def test_a_palette_becomes_its_colours() -> None:
    picture = Image.new("P", (48, 32), 1)
    picture.putpalette([0, 0, 0, 200, 30, 60])
    output = BytesIO()
    picture.save(output, "PNG")

    assert decoded(output.getvalue()).getpixel((9, 9)) == (200, 30, 60)


def test_inks_become_light() -> None:
    red, green, blue = decoded(  # type: ignore[misc]
        encoded("JPEG", mode="CMYK", colour=(0, 255, 255, 0), quality=95)
    ).getpixel((9, 9))

    assert (red > 200, green < 40, blue < 40) == (True, True, True)


def test_a_photo_taken_sideways_is_put_upright_and_loses_its_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter
    exif[0x010E] = "my home"

    png = PillowImageReader().to_png(encoded("JPEG", exif=exif))

    assert Image.open(BytesIO(png)).size == (32, 48)
    assert b"my home" not in png
    assert b"eXIf" not in png


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a" + b"\0" * 100,
        encoded("GIF", mode="P", colour=1),
        encoded("TIFF"),
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        encoded("PNG")[:60],
        encoded("JPEG")[:200],
        a_bomb(40_000, 40_000),
        a_bomb(1, 65_535),
        a_bomb(6000, 6000),
    ],
    ids=["empty", "gif head", "gif", "tiff", "eps", "svg", "half png", "half jpeg", "bomb",
         "ribbon", "lying size"],
)  # fmt: skip
def test_everything_else_is_refused_quickly(data: bytes) -> None:
    began = time.monotonic()

    with pytest.raises(ImageUnusable):
        PillowImageReader().to_png(data)
    assert time.monotonic() - began < 15


def test_an_animation_gives_its_first_picture() -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "green", "blue")]
    output = BytesIO()
    frames[0].save(output, "PNG", save_all=True, append_images=frames[1:])

    assert decoded(output.getvalue()).getpixel((3, 3)) == (255, 0, 0)


def test_a_file_above_the_limit_is_not_even_decoded() -> None:
    with pytest.raises(ImageUnusable, match="32 MiB"):
        PillowImageReader().to_png(b"\0" * (32 * 2**20 + 1))
