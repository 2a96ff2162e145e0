"""The judge is right about drawn clips, and near chance about other clips' prompts."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.video_file import read_mp4, write_mp4
from training.judge import Frames, look_at
from training.rendering import render
from training.scenes import Scene, sample_scene
from training.vocabulary import MOTIONS, SHAPES, combinations, is_held_out

CLIPS = 88


def drawn(scene: Scene) -> Frames:
    pixels = render([scene], frames=17, side_px=128).pixels[0]
    return ((pixels + 1.0) * 127.5).round().byte().permute(1, 2, 3, 0).numpy()


@pytest.fixture(scope="module")
def looked() -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """(asked, shown) of drawn clips, each pair of shape and motion once."""
    rng = np.random.default_rng(3)
    unseen = [c for c in combinations() if is_held_out(c)]
    pairs = []
    for index in range(CLIPS):
        wanted = (SHAPES[index % len(SHAPES)], MOTIONS[index % len(MOTIONS)])
        fitting = [c for c in unseen if (c.shape, c.motion) == wanted]
        asked = fitting[int(rng.integers(len(fitting)))]
        shown = look_at(drawn(sample_scene(asked, rng)))
        pairs.append((tuple(asked), tuple(shown)))
    return pairs


def test_the_judge_is_right_about_drawn_clips(
    looked: list[tuple[tuple[str, ...], tuple[str, ...]]],
) -> None:
    wrong = [(asked, shown) for asked, shown in looked if asked != shown]

    assert wrong == []


def test_the_judge_is_near_chance_about_another_clips_prompt(
    looked: list[tuple[tuple[str, ...], tuple[str, ...]]],
) -> None:
    shifted = [(looked[index - 1][0], shown) for index, (_, shown) in enumerate(looked)]
    shares = np.mean([[a == b for a, b in zip(*pair, strict=True)] for pair in shifted], axis=0)

    assert float(shares.max()) < 0.35


def test_an_empty_clip_shows_nothing() -> None:
    frames = np.full((5, 64, 64, 3), 128, dtype=np.uint8)

    assert look_at(frames) == ("nothing", "nothing", "gray", "nothing")


def test_the_mp4_keeps_what_the_judge_needs(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    asked = next(c for c in combinations() if c.shape == "hexagon" and is_held_out(c))
    path = tmp_path / "clip.mp4"

    write_mp4(drawn(sample_scene(asked, rng)), path, fps=8)

    assert look_at(read_mp4(path)) == asked
