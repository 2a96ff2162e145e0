"""What every ExcerptMaker does; the real one on a video that our encoder wrote."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adapters.pyav.excerpt_maker import PyAvExcerptMaker
from adapters.pyav.video_encoder import PyAvVideoEncoder
from domain.errors import OutputMissing, VideoUnusable
from domain.excerpts import sheet_layout
from domain.ports.excerpt_maker import ExcerptMaker
from domain.recipe import RECIPE_KEY
from domain.video import FrameChunk
from tests.fakes.excerpt_maker import DAMAGED, FakeExcerptMaker

RECIPE = '{"version": "1.2.3"}'
LAYOUT = sheet_layout(width=640, height=320, num_frames=5)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five frames of 640x320, each of one grey: 0, 60, 120, 180, 240."""
    path = tmp_path_factory.mktemp("video") / "five.mp4"
    greys = np.arange(0, 300, 60, dtype=np.uint8)[:, None, None, None]
    frames = np.ascontiguousarray(np.broadcast_to(greys, (5, 320, 640, 3)))
    chunk = FrameChunk(rgb=memoryview(frames.reshape(-1)), num_frames=5, height=320, width=640)
    PyAvVideoEncoder().encode([chunk], path, fps=8, metadata={RECIPE_KEY: RECIPE})
    return path


@pytest.fixture(params=["pyav", "fake"])
def maker(request: pytest.FixtureRequest) -> ExcerptMaker:
    return FakeExcerptMaker(RECIPE) if request.param == "fake" else PyAvExcerptMaker()


def test_equal_files_give_equal_excerpts_and_the_recipe(maker: ExcerptMaker, video: Path) -> None:
    made = maker.make(video, LAYOUT)

    assert made.recipe == RECIPE
    assert maker.make(video, LAYOUT) == made


def test_what_is_not_there_or_damaged_is_told(maker: ExcerptMaker, tmp_path: Path) -> None:
    with pytest.raises(OutputMissing):
        maker.make(tmp_path / "nothing.mp4", LAYOUT)

    (tmp_path / "damaged.mp4").write_bytes(DAMAGED)
    with pytest.raises(VideoUnusable):
        maker.make(tmp_path / "damaged.mp4", LAYOUT)


def test_the_thumbnail_is_the_middle_frame_and_the_frames_of_the_sheet_lie_row_by_row(
    video: Path,
) -> None:
    excerpts = PyAvExcerptMaker().make(video, LAYOUT)

    thumbnail, sheet = (
        Image.open(BytesIO(picture)) for picture in (excerpts.thumbnail, excerpts.spritesheet)
    )
    assert (thumbnail.format, thumbnail.size) == ("WEBP", (512, 256))
    assert abs(float(np.asarray(thumbnail).mean()) - 120) < 4
    assert (LAYOUT.columns, LAYOUT.rows, sheet.size) == (3, 2, (3 * 192, 2 * 96))
    cells = np.asarray(sheet.convert("L"), dtype=float)
    greys = [cells[row * 96 + 48, column * 192 + 96] for row in (0, 1) for column in (0, 1, 2)]
    assert greys == pytest.approx([0, 60, 120, 180, 240, 0], abs=6)


def test_a_file_with_fewer_frames_than_it_is_said_to_have_is_damaged(video: Path) -> None:
    with pytest.raises(VideoUnusable):
        PyAvExcerptMaker().make(video, sheet_layout(width=640, height=320, num_frames=6))
