"""The contract of `ImageReader`. The fake has a format of its own, so each brings its pictures."""

from collections.abc import Callable

import pytest

from adapters.pillow.image_reader import PillowImageReader
from domain.errors import ImageUnusable
from domain.ports.image_reader import ImageReader
from tests.fakes.image_reader import FakeImageReader
from tests.integration.pictures import encoded


@pytest.fixture(params=["pillow", "fake"])
def reader_and_picture(
    request: pytest.FixtureRequest,
) -> tuple[ImageReader, Callable[[int, int], bytes]]:
    if request.param == "fake":
        return FakeImageReader(), lambda width, height: f"{width}x{height}".encode()
    return PillowImageReader(), lambda width, height: encoded("PNG", (width, height))


def test_a_picture_keeps_its_size(
    reader_and_picture: tuple[ImageReader, Callable[[int, int], bytes]],
) -> None:
    reader, picture = reader_and_picture

    png = reader.to_png(picture(48, 32))

    assert (png[:4], png[16:24]) == (b"\x89PNG", b"\0\0\0\x30\0\0\0\x20")


def test_the_same_picture_gives_the_same_bytes(
    reader_and_picture: tuple[ImageReader, Callable[[int, int], bytes]],
) -> None:
    reader, picture = reader_and_picture

    assert reader.to_png(picture(8, 8)) == reader.to_png(picture(8, 8))


def test_what_is_no_picture_is_refused(
    reader_and_picture: tuple[ImageReader, Callable[[int, int], bytes]],
) -> None:
    reader, _picture = reader_and_picture

    with pytest.raises(ImageUnusable):
        reader.to_png(b"no picture")
