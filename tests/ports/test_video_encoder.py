"""The contract of `VideoEncoder`, on every adapter."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.pyav.video_encoder import PyAvVideoEncoder
from domain.errors import EncodingFailed, RenderCancelled
from domain.ports.video_encoder import VideoEncoder
from domain.video import FrameChunk
from tests.fakes.video_encoder import FakeVideoEncoder

METADATA = {"comment": '{"prompt": "ein roter Kreis — 红色的圆"}'}


@pytest.fixture(params=[PyAvVideoEncoder, FakeVideoEncoder])
def encoder(request: pytest.FixtureRequest) -> VideoEncoder:
    kind: type[VideoEncoder] = request.param
    return kind()


def chunk(num_frames: int, colour: tuple[int, int, int] = (200, 30, 60)) -> FrameChunk:
    frames = np.full((num_frames, 32, 48, 3), colour, dtype=np.uint8)
    return FrameChunk(rgb=frames.data, num_frames=num_frames, height=32, width=48)


def test_what_was_written_is_read_back(encoder: VideoEncoder, tmp_path: Path) -> None:
    footage = encoder.encode([chunk(1), chunk(4)], tmp_path / "v", fps=8, metadata=METADATA)

    assert (footage.width, footage.height, footage.num_frames) == (48, 32, 5)
    assert (footage.fps, footage.duration_s) == (8.0, 0.625)
    assert footage.metadata == METADATA
    assert encoder.probe(tmp_path / "v") == footage


def test_the_same_frames_give_the_same_bytes(encoder: VideoEncoder, tmp_path: Path) -> None:
    for name in ("a", "b"):
        encoder.encode([chunk(5)], tmp_path / name, fps=8, metadata=METADATA)

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_hash_of_the_pictures_is_theirs_alone(encoder: VideoEncoder, tmp_path: Path) -> None:
    told = encoder.encode([chunk(5)], tmp_path / "told", fps=8, metadata=METADATA)
    silent = encoder.encode([chunk(5)], tmp_path / "silent", fps=8, metadata={})
    other = encoder.encode([chunk(5, (9, 200, 9))], tmp_path / "other", fps=8, metadata=METADATA)

    assert told.pictures_sha256 == silent.pictures_sha256 != other.pictures_sha256


def test_what_the_frames_raise_passes_through(encoder: VideoEncoder, tmp_path: Path) -> None:
    def cut_short() -> Iterator[FrameChunk]:
        yield chunk(4)
        raise RenderCancelled

    with pytest.raises(RenderCancelled):
        encoder.encode(cut_short(), tmp_path / "v", fps=8, metadata={})


def test_half_a_file_is_no_video(encoder: VideoEncoder, tmp_path: Path) -> None:
    encoder.encode([chunk(5)], tmp_path / "v", fps=8, metadata={})
    whole = (tmp_path / "v").read_bytes()
    (tmp_path / "v").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(EncodingFailed):
        encoder.probe(tmp_path / "v")


def test_how_the_frames_are_cut_into_chunks_does_not_matter(
    encoder: VideoEncoder, tmp_path: Path
) -> None:
    encoder.encode([chunk(5)], tmp_path / "one", fps=8, metadata={})
    encoder.encode([chunk(1), chunk(4)], tmp_path / "two", fps=8, metadata={})

    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("text", ["two\nlines; a=b # \\ c", "x" * 20_000, '{"prompt": "🎬 \\"""}'])
def test_metadata_survives_letter_by_letter(
    encoder: VideoEncoder, tmp_path: Path, text: str
) -> None:
    metadata = {"comment": text, "a key of our own": "x"}

    footage = encoder.encode([chunk(1)], tmp_path / "v", fps=8, metadata=metadata)

    assert footage.metadata == metadata


def test_no_frames_are_no_video(encoder: VideoEncoder, tmp_path: Path) -> None:
    with pytest.raises(EncodingFailed):
        encoder.encode([], tmp_path / "v", fps=8, metadata={})


def test_a_text_file_is_no_video(encoder: VideoEncoder, tmp_path: Path) -> None:
    (tmp_path / "v").write_text("A lovely video of a red circle, completed at 100 %.")

    with pytest.raises(EncodingFailed):
        encoder.probe(tmp_path / "v")


def doubt(encoder: VideoEncoder, frames: "np.ndarray[Any, np.dtype[np.uint8]]", path: Path) -> str:
    """What is said of `frames`, two chunks of (32, 48, 3)."""
    chunks = [
        FrameChunk(rgb=part.data, num_frames=len(part), height=32, width=48)
        for part in (frames[:4], frames[4:])
    ]
    footage = encoder.encode(chunks, path, fps=8, metadata={})
    return footage.appearance.doubt(num_frames=footage.num_frames) or ""


def test_it_is_seen_whether_there_is_anything_to_see(encoder: VideoEncoder, tmp_path: Path) -> None:
    blank = np.zeros((8, 32, 48, 3), np.uint8)
    frozen = blank.copy()
    frozen[:, :16, :16] = 200
    moving = frozen.copy()
    moving[4:] = np.roll(frozen[4:], 16, axis=2)

    assert "black" in doubt(encoder, blank, tmp_path / "blank")
    assert "of one colour" in doubt(encoder, blank + np.uint8(99), tmp_path / "grey")
    assert "Nothing moves" in doubt(encoder, frozen, tmp_path / "frozen")
    assert doubt(encoder, moving, tmp_path / "moving") == ""
