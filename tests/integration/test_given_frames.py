"""Images brought to a video's shape, to the pixel."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adapters.diffusers.given_frames import read_clip_frames, read_image
from adapters.pyav.sandbox import write_clip
from tests.fakes.examples import a_request
from tests.integration.clips import noisy_frames, video_file

RED, GREEN, BLUE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0)


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """256x128: 64 columns of red, 128 of green, 64 of blue."""
    image = Image.new("RGB", (256, 128), GREEN)
    image.paste(RED, (0, 0, 64, 128))
    image.paste(BLUE, (192, 0, 256, 128))
    image.save(tmp_path / "wide.png")
    return tmp_path / "wide.png"


@pytest.fixture
def high(tmp_path: Path, wide: Path) -> Path:
    """The same, turned."""
    with Image.open(wide) as image:
        image.transpose(Image.Transpose.ROTATE_270).save(tmp_path / "high.png")
    return tmp_path / "high.png"


def fitted(path: Path, fit: str | None, width: int = 128, height: int = 128) -> np.ndarray:
    return np.asarray(read_image(path, a_request(width=width, height=height, image_fit=fit)))


def test_cropping_keeps_the_middle(wide: Path, high: Path) -> None:
    for picture in (wide, high):
        inner = fitted(picture, "crop")[4:-4, 4:-4]  # the filter reaches over the cut
        assert (inner == GREEN).all()


def test_padding_keeps_everything_between_black_bars(wide: Path) -> None:
    frame = fitted(wide, "pad")

    assert (frame[:32] == BLACK).all()
    assert (frame[96:] == BLACK).all()
    rows = frame[32:96]
    assert (rows[:, :28] == RED).all()
    assert (rows[:, 36:92] == GREEN).all()
    assert (rows[:, 100:] == BLUE).all()


def test_padding_a_high_image_puts_the_bars_beside_it(high: Path) -> None:
    frame = fitted(high, "pad")

    assert (frame[:, :32] == BLACK).all()
    assert (frame[:, 96:] == BLACK).all()
    assert (frame[:28, 32:96] == RED).all()
    assert (frame[100:, 32:96] == BLUE).all()


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_a_circle_stays_a_circle(fit: str, tmp_path: Path) -> None:
    yy, xx = np.mgrid[:60, :100]
    disc = (xx - 49.5) ** 2 + (yy - 29.5) ** 2 <= 20**2
    Image.fromarray((disc * 255).astype(np.uint8)).convert("RGB").save(tmp_path / "disc.png")

    shown = fitted(tmp_path / "disc.png", fit, width=96, height=96)[:, :, 0] > 127

    columns, rows = shown.any(axis=0).sum(), shown.any(axis=1).sum()
    assert abs(int(columns) - int(rows)) <= 1


@pytest.mark.parametrize("fit", [None, "crop", "pad"])
def test_an_image_of_the_videos_own_size_is_left_as_it_is(fit: str | None, tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (32, 48, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")

    assert (fitted(tmp_path / "noise.png", fit, width=48, height=32) == pixels).all()


def test_a_clips_frames_stand_where_the_videos_will(tmp_path: Path) -> None:
    frames = noisy_frames(9, (48, 32))
    with (tmp_path / "clip").open("wb") as target:
        write_clip(video_file(frames, fps=16), target)
    request = a_request(width=48, height=32, num_frames=5, fps=8)

    shown = np.stack([np.asarray(frame) for frame in read_clip_frames(tmp_path / "clip", request)])

    assert (shown == frames[::2]).all()
