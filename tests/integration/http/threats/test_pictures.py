"""Row S12: pictures from strangers, through the whole server and the real decoder."""

import struct
import time
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable
from io import BytesIO

import psutil
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.integration.http.threats.real import Real, real_server
from tests.integration.pictures import encoded

MIB = 2**20
SECRET = "my home, 52.5 N 13.4 E"
_TEXT = PngInfo()
_TEXT.add_text("Author", SECRET)
_TEXTS: dict[str, dict[str, object]] = {
    "PNG": {"pnginfo": _TEXT},
    "JPEG": {"comment": SECRET.encode()},
    "WEBP": {"xmp": SECRET.encode()},
}
SCRIPT = b"<script>alert(1)</script>"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def a_png(width: int, height: int, *extra: bytes, pixels: bytes = bytes(1000)) -> bytes:
    """With chunks of one's own between its head and its pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    rest = chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + rest


def an_animation(frames: int) -> bytes:
    """An APNG whose pictures are each of 16x16, and identical."""
    row = b"\0" + bytes(48)
    control = chunk(b"acTL", struct.pack(">II", frames, 0))
    first = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 16, 16, 0, 0, 1, 10, 0, 0))
    more = []
    for number in range(1, frames):
        place = 2 * number - 1
        more.append(chunk(b"fcTL", struct.pack(">IIIIIHHBB", place, 16, 16, 0, 0, 1, 10, 0, 0)))
        more.append(chunk(b"fdAT", struct.pack(">I", place + 1) + zlib.compress(row * 16)))
    whole = a_png(16, 16, control, first, pixels=row * 16)
    return whole[:-12] + b"".join(more) + whole[-12:]


def a_bomb_of_zeros() -> bytes:
    """5,900 x 5,900 black pixels in 100 KiB: as large as any that is taken, and no larger."""
    row = b"\0" + bytes(3 * 5_900)
    packed = zlib.compressobj()
    data = b"".join([*(packed.compress(row) for _ in range(5_900)), packed.flush()])
    return a_png(5_900, 5_900).replace(
        chunk(b"IDAT", zlib.compress(bytes(1000))), chunk(b"IDAT", data)
    )


def a_colour_profile_of_garbage() -> bytes:
    pixels = (b"\0" + bytes(48)) * 16
    return a_png(16, 16, chunk(b"iCCP", b"x\0\0" + b"garbage" * 100), pixels=pixels)


def text_that_inflates() -> bytes:
    pixels = (b"\0" + bytes(48)) * 16
    text = b"Comment\0\0" + zlib.compress(bytes(200 * MIB), 9)
    return a_png(16, 16, chunk(b"zTXt", text), pixels=pixels)


def a_zip_around(picture: bytes) -> bytes:
    """An archive whose one file is the picture, as it is: the picture begins some bytes into it."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("picture.png", picture)
    return file.getvalue()


def a_zip_of_zeros() -> bytes:
    """A hundred times as large as it looks, and more."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("picture.png", bytes(100 * MIB))
    return file.getvalue()


def a_picture_that_is_a_zip() -> bytes:
    """Both at once: readers of archives begin at the end, readers of pictures at the beginning."""
    return encoded("PNG") + a_zip_around(SCRIPT)


def an_animated_webp(frames: int) -> bytes:
    file = BytesIO()
    first, *more = [Image.new("RGB", (16, 16), (n % 256, 0, 0)) for n in range(frames)]
    first.save(file, "WEBP", save_all=True, append_images=more, lossless=True)
    return file.getvalue()


def a_png_that_inflates() -> bytes:
    """Small by what it says, and 200 MiB of pixels behind that."""
    return a_png(16, 16, pixels=bytes(200 * MIB))


def with_metadata(kind: str) -> bytes:
    """Whose camera, where and by whom; and a profile of colours."""
    exif = Image.Exif()
    exif[0x010F], exif[0x010E] = SECRET, SECRET
    exif.get_ifd(0x8825)[29] = SECRET
    return encoded(kind, exif=exif, icc_profile=SECRET.encode() * 20, **_TEXTS.get(kind, {}))


REFUSED: dict[str, Callable[[], bytes]] = {
    "40000x40000": lambda: a_png(40_000, 40_000),
    "1x65535": lambda: a_png(1, 65_535),
    "2^31 wide": lambda: a_png(2**31 - 1, 1),
    "half a jpeg": lambda: encoded("JPEG")[:200],
    "half a webp": lambda: encoded("WEBP")[:40],
    "a head alone": lambda: b"\x89PNG\r\n\x1a\n",
    "eps called png": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) run\n",
    "svg called png": lambda: b"<svg xmlns='http://www.w3.org/2000/svg'>" + SCRIPT + b"</svg>",
    "gif with a script": lambda: b"GIF89a/*" + SCRIPT,
    "tiff": lambda: encoded("TIFF"),
    "ico": lambda: encoded("ICO"),
    "bmp": lambda: encoded("BMP"),
    "pdf": lambda: b"%PDF-1.7\n",
    "zip": lambda: b"PK\3\4" + bytes(100),
    "zip of a picture": lambda: a_zip_around(encoded("PNG")),
    "zip bomb": a_zip_of_zeros,
    "half an animation": lambda: an_animated_webp(9)[:200],
    "png of a jpeg's name and size": lambda: encoded("PNG")[:8] + encoded("JPEG")[8:],
    "lying size": lambda: a_png(6_000, 6_000),
    "text that inflates": text_that_inflates,
}
TAKEN: dict[str, Callable[[], bytes]] = {
    "an animation of 10,000": lambda: an_animation(10_000),
    "black in 100 KiB": a_bomb_of_zeros,
    "more pixels than it says": a_png_that_inflates,
    "an animated webp": lambda: an_animated_webp(99),
    "cmyk": lambda: encoded("JPEG", mode="CMYK", colour=(0, 255, 255, 0)),
    "16 bits of grey": lambda: encoded("PNG", mode="I;16", colour=40_000),
    "a palette, one of its colours clear": lambda: encoded(
        "PNG", mode="P", colour=3, transparency=3
    ),
    "grey and clear": lambda: encoded("PNG", mode="LA", colour=(90, 0)),
    "a png that is a zip": a_picture_that_is_a_zip,
    "png, then a script": lambda: encoded("PNG") + SCRIPT,
    "jpeg, then a zip": lambda: encoded("JPEG") + b"PK\3\4" + SCRIPT,
    "jpeg that remarks": lambda: encoded("JPEG", comment=SCRIPT),
}


@pytest.fixture(scope="module")
async def real(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Real]:
    """One server is shown them all; nothing of what is refused may be left in it."""
    async with real_server(tmp_path_factory.mktemp("pictures")) as server:
        yield server


async def upload(real: Real, data: bytes) -> tuple[int, dict[str, object], float, int]:
    """The status, the body, the seconds and the bytes by which the server has grown."""
    process = psutil.Process()
    before, began = process.memory_info().rss, time.monotonic()
    answer = await real.client.post(
        "/api/v1/uploads", content=data, headers={"Content-Type": "image/png"}
    )
    grown = process.memory_info().rss - before
    return answer.status_code, answer.json(), time.monotonic() - began, grown


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
async def test_s12_what_is_no_picture_of_ours_is_refused(
    real: Real, make: Callable[[], bytes]
) -> None:
    status, body, seconds, grown = await upload(real, make())

    assert (status, body["code"]) == (422, "image-unusable")
    assert seconds < 12
    assert grown < 50 * MIB
    assert not [*(real.data_dir / "inputs").iterdir()]


@pytest.mark.parametrize("make", TAKEN.values(), ids=TAKEN)
async def test_s12_s14_what_is_taken_is_drawn_anew_and_nothing_else_of_it_is_kept(
    real: Real, make: Callable[[], bytes]
) -> None:
    status, body, seconds, grown = await upload(real, make())

    assert status == 201, body
    assert seconds < 15
    assert grown < 150 * MIB
    kept = (real.data_dir / "inputs" / f"{body['id']}.png").read_bytes()
    assert b"script" not in kept
    picture = Image.open(BytesIO(kept))
    assert (picture.format, picture.mode, getattr(picture, "n_frames", 1)) == ("PNG", "RGB", 1)


async def test_s12_a_colour_profile_of_garbage_does_not_reach_the_server(real: Real) -> None:
    status, _, _, _ = await upload(real, a_colour_profile_of_garbage())

    assert status in {201, 422}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_s12_nothing_that_a_file_says_beside_its_pixels_is_kept(
    real: Real, kind: str
) -> None:
    given = with_metadata(kind)
    assert SECRET.encode() in given

    status, body, _, _ = await upload(real, given)

    assert status == 201, body
    kept = (real.data_dir / "inputs" / f"{body['id']}.png").read_bytes()
    assert SECRET.encode() not in kept
    assert Image.open(BytesIO(kept)).info == {}


@pytest.mark.parametrize(
    "said", ["image/png", "image/jpeg", "image/webp", "application/octet-stream"]
)
async def test_s12_s14_a_file_is_what_its_content_is_whatever_its_sender_calls_it(
    real: Real, said: str
) -> None:
    answers = [
        await real.client.post(
            "/api/v1/uploads", content=encoded(kind), headers={"Content-Type": said}
        )
        for kind in ("PNG", "WEBP")
    ]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert {(a.json()["width"], a.json()["height"]) for a in answers} == {(48, 32)}


@pytest.mark.parametrize("said", ["text/html", "image/svg+xml", "image/gif", "application/zip"])
async def test_s14_what_is_called_something_that_is_not_taken_is_not_looked_at(
    real: Real, said: str
) -> None:
    answer = await real.client.post(
        "/api/v1/uploads", content=encoded("PNG"), headers={"Content-Type": said}
    )

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")
