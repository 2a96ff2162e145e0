"""What every VideoEncoder does."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from adapters.pyav.video_encoder import PyAvVideoEncoder
from domain.errors import DiskFull, EncodingFailed, RenderCancelled
from domain.ports.video_encoder import VideoEncoder
from domain.video import FrameChunk
from tests.fakes.video_encoder import FakeVideoEncoder

WIDTH, HEIGHT = 64, 48


@pytest.fixture(params=[PyAvVideoEncoder, FakeVideoEncoder])
def encoder(request: pytest.FixtureRequest) -> VideoEncoder:
    made: VideoEncoder = request.param()
    return made


def chunk(*colours: tuple[int, int, int]) -> FrameChunk:
    """One flat frame per colour."""
    frames = np.empty((len(colours), HEIGHT, WIDTH, 3), np.uint8)
    frames[:] = np.array(colours, np.uint8)[:, None, None, :]
    return FrameChunk(rgb=frames.data, num_frames=len(colours), height=HEIGHT, width=WIDTH)


def noise(num_frames: int) -> FrameChunk:
    """Frames that hardly compress."""
    frames = np.random.default_rng(7).integers(0, 256, (num_frames, HEIGHT, WIDTH, 3), np.uint8)
    return FrameChunk(rgb=frames.data, num_frames=num_frames, height=HEIGHT, width=WIDTH)


def test_what_was_written_is_what_is_read_back(encoder: VideoEncoder, tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"

    told = encoder.encode([noise(1), noise(4), noise(2)], path, fps=16, metadata={"title": "x"})

    assert (told.width, told.height, told.num_frames) == (WIDTH, HEIGHT, 7)
    assert told.fps == 16
    assert told.duration_s == pytest.approx(7 / 16)
    assert told.metadata == {"title": "x"}
    assert encoder.probe(path) == told


@pytest.mark.parametrize(
    "text",
    [
        '{"prompt": "ein \\"rotes\\" Ding"}',
        "日本語 é 🎬",
        "two\nlines; a=b # \\ c",
        "x" * 20_000,
        "",
    ],
)
def test_metadata_survives_letter_by_letter(
    encoder: VideoEncoder, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "v.mp4"

    encoder.encode([noise(1)], path, fps=8, metadata={"comment": text})

    assert encoder.probe(path).metadata.get("comment", "") == text


def test_the_same_frames_and_metadata_give_the_same_bytes(
    encoder: VideoEncoder, tmp_path: Path
) -> None:
    paths = [tmp_path / name for name in ("a.mp4", "b.mp4")]

    for path in paths:
        encoder.encode([noise(5)], path, fps=8, metadata={"comment": "c"})

    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_how_the_frames_are_cut_into_chunks_does_not_matter(
    encoder: VideoEncoder, tmp_path: Path
) -> None:
    one, three = tmp_path / "one.mp4", tmp_path / "three.mp4"
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]

    encoder.encode([chunk(*colours)], one, fps=8, metadata={})
    encoder.encode([chunk(colour) for colour in colours], three, fps=8, metadata={})

    assert one.read_bytes() == three.read_bytes()


@pytest.mark.parametrize("before", [0, 1])
def test_what_the_frames_raise_passes_through(
    encoder: VideoEncoder, tmp_path: Path, before: int
) -> None:
    def frames() -> Iterator[FrameChunk]:
        yield from [noise(2)] * before
        raise RenderCancelled

    with pytest.raises(RenderCancelled):
        encoder.encode(frames(), tmp_path / "v.mp4", fps=8, metadata={})


def test_frames_are_taken_one_chunk_at_a_time(encoder: VideoEncoder, tmp_path: Path) -> None:
    # Memory stays bounded by a chunk: whoever overwrites a chunk after handing out the next one,
    # as a decoder with one buffer does, must not change what was written.
    buffer = np.zeros((1, HEIGHT, WIDTH, 3), np.uint8)

    def frames() -> Iterator[FrameChunk]:
        for shade in (0, 255):
            buffer[:] = shade
            yield FrameChunk(rgb=buffer.data, num_frames=1, height=HEIGHT, width=WIDTH)

    reused, apart = tmp_path / "reused.mp4", tmp_path / "apart.mp4"
    encoder.encode(frames(), reused, fps=8, metadata={})
    encoder.encode([chunk((0, 0, 0)), chunk((255, 255, 255))], apart, fps=8, metadata={})

    assert reused.read_bytes() == apart.read_bytes()


def test_a_video_of_no_frames_is_refused(encoder: VideoEncoder, tmp_path: Path) -> None:
    with pytest.raises(EncodingFailed):
        encoder.encode([], tmp_path / "v.mp4", fps=8, metadata={})


def test_a_file_cut_short_anywhere_is_not_whole(encoder: VideoEncoder, tmp_path: Path) -> None:
    whole, cut = tmp_path / "v.mp4", tmp_path / "cut.mp4"
    encoder.encode([noise(9)], whole, fps=8, metadata={})
    content = whole.read_bytes()

    for size in range(len(content) // 9, len(content), len(content) // 9):
        cut.write_bytes(content[:size])

        with pytest.raises(EncodingFailed):
            encoder.probe(cut)


def test_a_text_file_is_not_a_video(encoder: VideoEncoder, tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    path.write_text("A lovely video of a red circle, completed at 100 %.")

    with pytest.raises(EncodingFailed):
        encoder.probe(path)


class TestPyAv:
    """What makes the file play everywhere, and what real disks do."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "v.mp4"

    @pytest.mark.parametrize(
        "colour",
        [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 30, 40)],
    )
    def test_colours_survive_as_bt709(self, path: Path, colour: tuple[int, int, int]) -> None:
        PyAvVideoEncoder().encode([chunk(colour)], path, fps=8, metadata={})

        seen = self.frames(path)[0].reformat(format="rgb24", src_colorspace="ITU709")
        assert seen.to_ndarray()[HEIGHT // 2, WIDTH // 2] == pytest.approx(colour, abs=3)

    def test_pure_red_has_the_luma_that_bt709_gives_it(self, path: Path) -> None:
        # BT.601 would give 81: a player that believes the tag would show another red.
        PyAvVideoEncoder().encode([chunk((255, 0, 0))], path, fps=8, metadata={})

        frame = self.frames(path)[0]
        luma = frame.to_ndarray()[HEIGHT // 2, WIDTH // 2]
        assert luma == pytest.approx(16 + 219 * 0.2126, abs=1)
        assert (frame.colorspace, frame.color_range) == (1, 1)  # BT.709, limited

    def test_frames_keep_their_order(self, path: Path) -> None:
        shades = [10, 60, 110, 160, 210, 90, 30]

        PyAvVideoEncoder().encode([chunk(*((s, s, s) for s in shades))], path, fps=8, metadata={})

        seen = [int(f.to_ndarray(format="gray")[5, 5]) for f in self.frames(path)]
        assert [sorted(seen).index(s) for s in seen] == [sorted(shades).index(s) for s in shades]

    def test_it_is_h264_that_every_browser_plays(self, path: Path) -> None:
        PyAvVideoEncoder().encode([noise(3)], path, fps=8, metadata={})

        with av.open(path) as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        content = path.read_bytes()
        assert content.index(b"moov") < content.index(b"mdat"), "the index comes first"

    def test_a_file_cut_between_two_frames_is_not_whole(self, path: Path) -> None:
        # The index is at the front and FFmpeg reads on without a word: 1 of 9 frames was "a video".
        PyAvVideoEncoder().encode([noise(9)], path, fps=8, metadata={})
        with av.open(path) as container:
            ends = [p.pos + p.size for p in container.demux(video=0) if p.pos is not None]
        path.write_bytes(path.read_bytes()[: sorted(ends)[0]])

        with pytest.raises(EncodingFailed, match="1 of 9"):
            PyAvVideoEncoder().probe(path)

    @pytest.mark.parametrize("num_frames", [1, 200])
    def test_a_full_disk_is_told_as_such(self, num_frames: int) -> None:
        with pytest.raises(DiskFull):
            PyAvVideoEncoder().encode([noise(num_frames)], Path("/dev/full"), fps=8, metadata={})

    def test_a_folder_that_is_not_there_is_told_as_such(self, tmp_path: Path) -> None:
        with pytest.raises(EncodingFailed, match="No such file or directory"):
            PyAvVideoEncoder().encode([noise(1)], tmp_path / "no" / "v.mp4", fps=8, metadata={})

    def test_a_file_without_pictures_is_not_a_video(self, path: Path) -> None:
        with av.open(path, "w") as container:
            stream = container.add_stream("aac", rate=48_000)
            silence = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
            )
            silence.sample_rate = 48_000
            container.mux(stream.encode(silence))
            container.mux(stream.encode(None))

        with pytest.raises(EncodingFailed):
            PyAvVideoEncoder().probe(path)

    def frames(self, path: Path) -> Sequence[av.VideoFrame]:
        with av.open(path) as container:
            return list(container.decode(video=0))
