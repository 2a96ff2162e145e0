"""VACE: references, a control video and its mask, bit for bit as `WanVACEPipeline` takes them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from adapters.diffusers.given_frames import read_clip_frames
from adapters.diffusers.run_state import _from_bytes
from adapters.pyav.sandbox import write_clip
from domain.generation import SCHEDULERS, GenerationRequest
from domain.inputs import NO_INPUTS, InputFiles
from domain.rendering import StillRunning
from tests.fakes.examples import a_request
from tests.fakes.resume_points import FakeResumePoints
from tests.integration.clips import noisy_frames, video_file
from tests.integration.runs import decoded, our_latents, run_stock
from tests.integration.tiny_wans import VACE, a_pipe

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> InputFiles:
    """A control, a mask whose left half is kept, and two references of other shapes."""
    folder = tmp_path_factory.mktemp("inputs")
    mask = np.zeros((9, 32, 64, 3), np.uint8)
    mask[:, :, 32:] = 255
    mask[4:, 8:24] = 255
    for name, frames in (("control", noisy_frames(9, (64, 32))), ("mask", mask)):
        with (folder / name).open("wb") as target:
            write_clip(video_file(frames, fps=8), target)
    for name, size in (("one", (48, 80)), ("two", (100, 37))):
        width, height = size
        pixels = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return InputFiles(
        control_video=folder / "control",
        control_mask=folder / "mask",
        references=(folder / "one.png", folder / "two.png"),
    )


def given(which: str, everything: InputFiles) -> InputFiles:
    """A part of it."""
    return {
        "nothing": NO_INPUTS,
        "one reference": InputFiles(references=everything.references[:1]),
        "a control": InputFiles(control_video=everything.control_video),
        "a masked control": replace(everything, references=()),
        "everything": everything,
    }[which]


def wanted(inputs: InputFiles, **changes: Any) -> GenerationRequest:
    request = a_request(width=64, height=32, num_frames=9, steps=4, **changes)
    return replace(request, references=tuple(path.name for path in inputs.references))


def ours(request: GenerationRequest, inputs: InputFiles, **how: Any) -> torch.Tensor:
    return our_latents(a_pipe(VACE), request, inputs, **how)


def stock(request: GenerationRequest, inputs: InputFiles, output_type: str = "latent") -> Any:
    clips = {"video": inputs.control_video, "mask": inputs.control_mask}
    return run_stock(
        a_pipe(VACE),
        request,
        output_type=output_type,
        **{name: list(read_clip_frames(path, request)) for name, path in clips.items() if path},
        reference_images=[Image.open(path) for path in inputs.references] or None,
    )


WHICH = ["nothing", "one reference", "a control", "a masked control", "everything"]


@pytest.mark.parametrize(
    ("which", "scheduler"),
    [*((which, "unipc") for which in WHICH), *(("everything", name) for name in SCHEDULERS[1:])],
)
def test_latents_equal_those_of_the_stock_pipeline(
    which: str, scheduler: str, everything: InputFiles
) -> None:
    inputs = given(which, everything)
    request = wanted(inputs, scheduler=scheduler)

    made = ours(request, inputs)

    # Stock hands the references' latents out, too, where it does not decode.
    assert made.shape == (1, 16, 3, 4, 8)
    assert torch.equal(made, stock(request, inputs)[:, :, len(inputs.references) :])


def test_frames_equal_those_of_the_stock_pipeline(everything: InputFiles) -> None:
    request = wanted(everything)

    made = decoded(a_pipe(VACE).vae, ours(request, everything))

    frames = stock(request, everything, output_type="np")[0]
    assert (made.numpy() == (frames * 255).round().astype(np.uint8)).all()


def test_everything_that_is_given_matters(everything: InputFiles) -> None:
    made = [ours(wanted(inputs), inputs) for inputs in (given(w, everything) for w in WHICH)]

    assert all(not torch.equal(one, other) for i, one in enumerate(made) for other in made[i + 1 :])


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_run_goes_on_bit_for_bit(step: int, everything: InputFiles) -> None:
    request, resume = wanted(everything), FakeResumePoints(due=[step])
    unbroken = ours(request, everything, resume=resume)

    begun, _identity = _from_bytes(resume.points[step])

    assert begun.latents.shape == (1, 16, 2 + 3, 4, 8)
    assert torch.equal(ours(request, everything, begun=begun), unbroken)


def test_there_is_a_moment_to_stop_at_before_the_blocks_of_both_branches(
    everything: InputFiles, tmp_path: Path
) -> None:
    heard: list[object] = []

    ours(wanted(NO_INPUTS), NO_INPUTS, report=heard.append)

    passes, own, second = 4 * 2, 2, 2
    assert heard.count(StillRunning()) >= passes * (own + second)
    assert type(a_pipe(VACE).transformer.vace_blocks) is torch.nn.ModuleList
