"""A process that decodes one video and ends: limited in memory, time and disk, with nothing to lose.

`python -m adapters.pyav.sandbox`: a video file on standard input, a clip (`domain.clip`) on standard output,
which is a file. Exit code 2, with a sentence on standard error, for a video that is refused; 3 where the
disk is full.
"""

import errno
import resource
import sys
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO, Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import av
from av.container import InputContainer
from av.video.reformatter import ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream
from PIL import Image

from adapters.pyav.video_encoder import EXACT
from domain.clip import (
    MAX_CLIP_FRAMES,
    MAX_CLIP_PIXELS,
    MAX_CLIP_SIDE,
    clip_facts,
    frame_name,
    is_video,
)

#: Never a playlist, an image sequence or anything that can name another file.
_MATROSKA, _MOV = "matroska", "mov"
_BOX_HEAD: Final = 8
_EBML: Final = b"\x1a\x45\xdf\xa3"
CODECS: Final = ("h264", "hevc", "vp8", "vp9", "av1")
MEMORY_BYTES: Final = 2 << 30
CPU_SECONDS: Final = 60
#: Stored as PNG, a clip within the limits is at most its raw samples and a little.
FILE_BYTES: Final = 4 * MAX_CLIP_PIXELS
#: Pictures of this height and above are BT.709 where their file does not say.
_HIGH_DEFINITION: Final = 720
_COLOURS: Final = {int(space): space for space in Colorspace}
_HDR: Final = (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67)
#: Fast, and the same bytes always.
_PNG_COMPRESSION: Final = 1


def main() -> None:
    """Limit, decode, write, end."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    av.logging.set_level(av.logging.PANIC)
    try:
        write_clip(sys.stdin.buffer.read(), sys.stdout.buffer)
    except Refused as refused:
        sys.stderr.write(str(refused))
        sys.exit(2)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        sys.exit(3)


class Refused(Exception):
    """Why the video is not taken, as a sentence."""


def write_clip(data: bytes, target: BinaryIO) -> None:
    """Decode the first video track, and write every frame of it at its time."""
    if not is_video(data):
        raise Refused("It is not an MP4, MOV, Matroska or WebM file.")
    if is_cut_short(data):
        raise Refused("It is cut short.")
    kind = _MATROSKA if data.startswith(_EBML) else _MOV
    try:
        with av.open(BytesIO(data), "r", format=kind) as container:
            _write(container, target)
    except (av.FFmpegError, ValueError, EOFError, MemoryError) as error:
        raise Refused("It is not a whole video.") from error


def is_cut_short(data: bytes) -> bool:
    """Whether an MP4's boxes (ISO 14496-12, 4.2) end beyond it: FFmpeg would decode what is there."""
    place = 0
    while not data.startswith(_EBML) and place < len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        if size == 1:
            size = int.from_bytes(data[place + 8 : place + 16], "big")
        if size == 0:  # until the end, wherever that is
            return False
        place += max(size, _BOX_HEAD)
    return place > len(data)


def _write(container: InputContainer, target: BinaryIO) -> None:
    stream = _video_stream(container)
    times_us: list[int] = []
    end_us, size = 0, (0, 0)
    with ZipFile(target, "w", ZIP_STORED) as archive:
        for begin_us, length_us, picture in _pictures(container, stream):
            size = size if times_us else picture.size
            _check(picture, size, number=len(times_us))
            if times_us and begin_us <= times_us[-1]:
                raise Refused("Its frames do not follow each other in time.")
            archive.writestr(_member(frame_name(len(times_us))), _png(picture))
            times_us.append(begin_us)
            end_us = begin_us + length_us
        if not times_us:
            raise Refused("It has no frames.")
        name, facts = clip_facts(
            width=size[0], height=size[1], times_us=times_us, duration_us=end_us
        )
        archive.writestr(_member(name), facts)


def _video_stream(container: InputContainer) -> VideoStream:
    if not container.streams.video:
        raise Refused("It has no video track.")
    stream = container.streams.video[0]
    codec = stream.codec_context.name
    if codec not in CODECS and codec != "libdav1d":
        raise Refused(f"It is coded as {codec}; {', '.join(CODECS)} are taken.")
    if stream.sample_aspect_ratio not in {None, 0, 1}:
        raise Refused("Its pixels are not square: scale it first.")
    stream.thread_type = "NONE"
    stream.codec_context.options = {"err_detect": "explode"}  # else damage is painted over
    return stream


def _pictures(
    container: InputContainer, stream: VideoStream
) -> Iterator[tuple[int, int, Image.Image]]:
    """(begin, length, picture) of each frame, in microseconds after the first, upright."""
    first_s: float | None = None
    usual_s = 1 / float(stream.average_rate or 25)
    for frame in container.decode(stream):
        if frame.time is None:
            raise Refused("Its frames do not say when they are to be shown.")
        if frame.color_trc in _HDR:
            raise Refused("It is HDR: convert it to SDR first.")
        first_s = frame.time if first_s is None else first_s
        length_s = float(frame.duration * (frame.time_base or 0)) or usual_s
        yield round((frame.time - first_s) * 1e6), round(length_s * 1e6), upright_picture(frame)


def upright_picture(frame: av.VideoFrame) -> Image.Image:
    """The frame as RGB, in the colours that it has, turned as it is to be shown."""
    unsaid = Colorspace.ITU709 if frame.height >= _HIGH_DEFINITION else Colorspace.ITU601
    colours = _COLOURS.get(int(frame.colorspace), unsaid)
    plain = frame.reformat(
        format="rgb24",
        src_colorspace=colours,
        dst_color_range=ColorRange.JPEG,
        interpolation=EXACT,
        threads=1,
    )
    picture = Image.fromarray(plain.to_ndarray())
    return picture.rotate(frame.rotation, expand=True) if frame.rotation else picture


def _check(picture: Image.Image, size: tuple[int, int], *, number: int) -> None:
    width, height = picture.size
    if picture.size != size:
        raise Refused("Its frames are not all of one size.")
    if max(width, height) > MAX_CLIP_SIDE:
        raise Refused(f"It is {width}x{height}; at most {MAX_CLIP_SIDE} pixels a side are taken.")
    if number >= MAX_CLIP_FRAMES or (number + 1) * width * height > MAX_CLIP_PIXELS:
        most = min(MAX_CLIP_FRAMES, MAX_CLIP_PIXELS // (width * height))
        raise Refused(f"It is too long: of {width}x{height}, at most {most} frames are taken.")


def _png(picture: Image.Image) -> bytes:
    output = BytesIO()
    picture.save(output, "PNG", compress_level=_PNG_COMPRESSION)
    return output.getvalue()


def _member(name: str) -> ZipInfo:
    """Of 1980: the same clip has the same bytes whenever it is written."""
    return ZipInfo(name)


if __name__ == "__main__":
    main()
