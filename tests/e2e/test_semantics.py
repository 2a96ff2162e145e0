"""Does the published video show what its prompt asked for? Judged by plain image analysis.

The prompts are combinations that training never saw; `benchmarks/semantic.py` asks hundreds of them.
"""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.video_file import read_mp4
from tests.e2e.service import Service
from training.captions import plain_caption
from training.judge import look_at
from training.vocabulary import Combination, combinations, is_held_out

COUNT = 12
SIDE_PX = 128
"""What the checkpoints were trained for; other tests take less."""


def prompts() -> list[Combination]:
    """Some of what training never saw, always the same."""
    unseen = [combination for combination in combinations() if is_held_out(combination)]
    chosen = np.random.default_rng(2).choice(len(unseen), COUNT, replace=False)
    return [unseen[index] for index in chosen]


def asked_for(service: Service, **body: object) -> str:
    return service.submit(width=SIDE_PX, height=SIDE_PX, **body)


def seen(service: Service, generation: str) -> Combination:
    done = service.wait_until(generation, "completed", "failed")
    assert done["status"] == "completed", done["error"]
    return look_at(read_mp4(service.data_dir / "outputs" / f"{generation}.mp4"))


def test_videos_show_what_was_asked(studio: Service) -> None:
    asked = prompts()
    jobs = [asked_for(studio, prompt=plain_caption(each), seed=n) for n, each in enumerate(asked)]

    shown = [seen(studio, job) for job in jobs]

    right = {
        attribute: sum(
            getattr(got, attribute) == getattr(wanted, attribute)
            for got, wanted in zip(shown, asked, strict=True)
        )
        for attribute in Combination._fields
    }
    assert right["colour"] >= COUNT - 1, right
    assert right["background"] >= COUNT - 1, right
    assert right["motion"] >= COUNT - 1, right
    assert right["shape"] >= COUNT - 2, right


@pytest.mark.parametrize("motion", ["right", "down"])
def test_a_video_begins_with_its_image_and_goes_on_as_asked(
    motion: str, studio: Service, tmp_path: Path
) -> None:
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (SIDE_PX, SIDE_PX), (30, 60, 220))
    ImageDraw.Draw(picture).ellipse((12, 40, 60, 88), fill=(220, 30, 30))
    picture.save(tmp_path / "image.png")
    upload = studio.client.post(
        "/api/v1/uploads",
        content=(tmp_path / "image.png").read_bytes(),
        headers={"Content-Type": "image/png"},
    ).json()

    generation = asked_for(
        studio,
        prompt=f"a red circle moving {motion} on a blue background",
        checkpoint="mini-ti2v",
        image=upload["id"],
        seed=1,
    )

    shown = seen(studio, generation)
    first = read_mp4(studio.data_dir / "outputs" / f"{generation}.mp4")[0]
    error = np.mean((first.astype(float) - np.asarray(picture)) ** 2)
    assert 10 * np.log10(255**2 / error) >= 25
    assert shown == Combination("circle", "red", "blue", motion)
