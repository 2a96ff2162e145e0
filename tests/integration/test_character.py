"""Animate: a character that moves as pose and face show, bit for bit as `WanAnimatePipeline` does it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from adapters.diffusers.run_state import _from_bytes
from adapters.pyav.sandbox import write_clip
from domain.generation import SCHEDULERS, GenerationRequest
from domain.inputs import InputFiles
from tests.fakes.examples import a_request
from tests.fakes.resume_points import FakeResumePoints
from tests.integration.clips import noisy_frames, video_file
from tests.integration.runs import decoded, our_latents, performed, run_stock
from tests.integration.tiny_wans import ANIMATE, a_pipe

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def performance(tmp_path_factory: pytest.TempPathFactory) -> InputFiles:
    folder = tmp_path_factory.mktemp("inputs")
    for name, size, seed in (("pose", (64, 32), 1), ("face", (32, 32), 2)):
        with (folder / name).open("wb") as target:
            write_clip(video_file(noisy_frames(9, size, seed), fps=8), target)
    pixels = np.random.default_rng(3).integers(0, 256, (80, 48, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "who.png")
    return InputFiles(
        control_video=folder / "pose",
        face_video=folder / "face",
        references=(folder / "who.png",),
    )


def wanted(**changes: Any) -> GenerationRequest:
    size = {"width": 64, "height": 32, "num_frames": 9, "steps": 4, "references": ("who.png",)}
    return a_request(**{**size, **changes})


def ours(request: GenerationRequest, inputs: InputFiles, **how: Any) -> torch.Tensor:
    return our_latents(a_pipe(ANIMATE), request, inputs, **how)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_frames_equal_those_of_the_stock_pipeline(
    scheduler: str, guidance: float, performance: InputFiles
) -> None:
    request = wanted(scheduler=scheduler, guidance_high_noise=guidance, guidance_low_noise=guidance)

    made = decoded(a_pipe(ANIMATE).vae, ours(request, performance))

    frames = run_stock(
        a_pipe(ANIMATE), request, output_type="np", **performed(request, performance)
    )[0]
    assert made.shape == (9, 32, 64, 3)
    assert (made.numpy() == (frames * 255).round().astype(np.uint8)).all()


@pytest.mark.parametrize("which", ["control_video", "face_video", "references"])
def test_pose_face_and_character_matter(
    which: str, performance: InputFiles, tmp_path: Path
) -> None:
    other = {name: getattr(performance, name) for name in ("control_video", "face_video")}
    other["references"] = performance.references
    if which == "references":
        Image.new("RGB", (48, 80), (9, 200, 99)).save(tmp_path / "other.png")
        other[which] = (tmp_path / "other.png",)
    else:
        other[which] = (
            performance.face_video if which == "control_video" else performance.control_video
        )

    request = wanted(image_fit="crop")

    assert not torch.equal(ours(request, performance), ours(request, InputFiles(**other)))


@pytest.mark.parametrize("step", [1, 3])
def test_a_run_goes_on_bit_for_bit(step: int, performance: InputFiles) -> None:
    resume = FakeResumePoints(due=[step])
    unbroken = ours(wanted(), performance, resume=resume)

    begun, _identity = _from_bytes(resume.points[step])

    assert torch.equal(ours(wanted(), performance, begun=begun), unbroken)
