"""H.264 in MP4 through FFmpeg's libraries: plays everywhere, starts before it is all there."""

import errno
import hashlib
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.video.reformatter import (
    ColorPrimaries,
    ColorRange,
    Colorspace,
    ColorTrc,
    Interpolation,
)
from av.video.stream import VideoStream

from adapters.pyav.appearance import Watcher
from domain.errors import DiskFull, DomainError, EncodingFailed, StorageError
from domain.ports import video_encoder
from domain.ports.video_encoder import Footage
from domain.video import FrameChunk

_CODEC: Final = "libx264"
#: x264's constant rate factor; 18 is the customary "visually lossless".
_QUALITY: Final = "18"
_PRESET: Final = "medium"
#: x264's output depends on how many threads make it: always as many, not as many as there are cores.
_THREADS: Final = 4
#: With AVX-512, x264's macroblock tree reads memory that nobody wrote wherever a row is not a multiple
#: of 16 macroblocks, and what is left there from before decides the frame types: no tree (ADR-0012).
_X264: Final = "mbtree=0"
#: The same samples whatever instructions the processor has and however the memory is aligned.
EXACT: Final = (
    Interpolation.BILINEAR
    | Interpolation.BITEXACT
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.FULL_CHR_H_INT
)
#: Tags by which other tools mark a file as theirs; ours embeds what the caller names and no more.
_CONTAINER_OWN_TAGS: Final = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder"}
)


class PyAvVideoEncoder(video_encoder.VideoEncoder):
    """yuv420p, BT.709, index at the front; equal frames give equal files, in every process."""

    def encode(
        self, chunks: Iterable[FrameChunk], path: Path, *, fps: int, metadata: Mapping[str, str]
    ) -> Footage:
        try:
            written = _write(chunks, path, fps, metadata)
        except av.FFmpegError as error:
            raise _meaning(error, f"The video could not be written: {error.strerror}.") from error
        footage = self.probe(path)
        if footage.num_frames != written:
            raise EncodingFailed(
                f"{written} frames were written, but the file holds {footage.num_frames}."
            )
        return footage

    def probe(self, path: Path) -> Footage:
        try:
            with av.open(path) as container:
                stream = container.streams.video[0]
                watcher = Watcher()
                frames, pictures_sha256 = _read_through(container, stream, watcher)
                if frames != stream.frames:  # the index is at the front, and outlives the tail
                    raise EncodingFailed(
                        f"The file is cut short: {frames} of {stream.frames} frames are there."
                    )
                fps = float(stream.average_rate or 0)
                return Footage(
                    width=stream.width,
                    height=stream.height,
                    num_frames=frames,
                    fps=fps,
                    duration_s=frames / fps if fps else 0.0,
                    codec=stream.codec_context.name,
                    appearance=watcher.appearance,
                    metadata={
                        key: value
                        for key, value in container.metadata.items()
                        if key not in _CONTAINER_OWN_TAGS
                    },
                    pictures_sha256=pictures_sha256,
                )
        except av.FFmpegError as error:
            raise _meaning(error, "The file is not a whole video.") from error
        except IndexError as error:
            raise EncodingFailed("The file is not a whole video.") from error


def _read_through(
    container: InputContainer, stream: VideoStream, watcher: Watcher
) -> tuple[int, str]:
    """How many frames can be decoded, each shown to `watcher`, and the hash of what they lay in."""
    frames, digest = 0, hashlib.sha256()
    for packet in container.demux(stream):  # the last one is empty, and flushes the decoder
        digest.update(bytes(packet))
        for frame in packet.decode():
            frames += 1
            watcher.see(frame)
    return frames, digest.hexdigest()


def _meaning(error: av.FFmpegError, complaint: str) -> DomainError:
    """The disk's refusal, where it was that; else `complaint` about the video."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskFull()
    if error.errno in {errno.EIO, errno.EROFS}:
        return StorageError(f"The disk cannot be used: {error.strerror}.")
    return EncodingFailed(complaint)


def _write(chunks: Iterable[FrameChunk], path: Path, fps: int, metadata: Mapping[str, str]) -> int:
    """How many frames were written."""
    written = 0
    options = {"movflags": "+faststart+use_metadata_tags"}
    with av.open(path, "w", format="mp4", options=options) as container:
        container.metadata.update(metadata)
        stream: VideoStream | None = None
        for chunk in chunks:
            stream = stream or _open_stream(container, chunk, fps)
            for picture in np.frombuffer(chunk.rgb, dtype=np.uint8).reshape(
                chunk.num_frames, chunk.height, chunk.width, 3
            ):
                container.mux(stream.encode(_yuv(picture, written)))
                written += 1
        if stream is None:
            raise EncodingFailed("There were no frames to write.")
        container.mux(stream.encode(None))
    return written


def _open_stream(container: OutputContainer, chunk: FrameChunk, fps: int) -> VideoStream:
    options = {"crf": _QUALITY, "preset": _PRESET, "x264-params": _X264}
    stream = container.add_stream(_CODEC, rate=fps, options=options)
    stream.width, stream.height = chunk.width, chunk.height
    stream.pix_fmt = "yuv420p"
    stream.time_base = Fraction(1, fps)
    context = stream.codec_context
    context.thread_count = _THREADS
    context.colorspace = Colorspace.ITU709
    context.color_primaries = ColorPrimaries.BT709
    context.color_trc = ColorTrc.BT709
    context.color_range = ColorRange.MPEG
    return stream


def _yuv(picture: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]", number: int) -> av.VideoFrame:
    """`picture`: (H, W, 3) RGB."""
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    frame = frame.reformat(
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        interpolation=EXACT,
        threads=1,
    )
    frame.pts = number
    return frame
