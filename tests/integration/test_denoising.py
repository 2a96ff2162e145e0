"""Our latents and frames against those of the stock pipelines, bit for bit, on random structures.

Each structure is a Wan in small: A14B's two experts, 1.3B's one network, TI2V-5B's expanded timesteps,
I2V-A14B's 36 channels, with a first image or with a last one, too.
"""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from adapters.diffusers.prompts import MAX_TOKENS
from adapters.diffusers.run_state import _from_bytes
from domain.checkpoint import CHECKPOINTS
from domain.errors import PromptTooLong
from domain.generation import SCHEDULERS, GenerationRequest
from domain.inputs import NO_INPUTS, InputFiles
from domain.rendering import StillRunning
from tests.fakes.examples import a_request
from tests.fakes.resume_points import FakeResumePoints
from tests.integration.runs import decoded, our_latents, run_stock, stock_scheduler
from tests.integration.tiny_wans import (
    A14B,
    I2V_A14B,
    T2V_1B,
    TI2V_5B,
    Structure,
    a_pipe,
)

pytestmark = pytest.mark.slow
TI2V = replace(TI2V_5B, vae_16x=False)
TI2V_IMAGE = replace(TI2V, takes_image=True)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> InputFiles:
    """A first and a last one, of noise: no two of their pixels can be confused."""
    folder, noise = tmp_path_factory.mktemp("pictures"), np.random.default_rng(1)
    for name in ("first", "last"):
        pixels = noise.integers(0, 256, (32, 48, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return InputFiles(image=folder / "first.png", last_image=folder / "last.png")


def wanted(**changes: Any) -> GenerationRequest:
    return replace(a_request(width=48, height=32, num_frames=9, steps=6), **changes)


STRUCTURES = {
    "A14B": A14B,
    "1.3B": T2V_1B,
    "5B": TI2V,
    "5B from image": TI2V_IMAGE,
    "I2V-A14B": I2V_A14B,
    "I2V-A14B to an image": I2V_A14B,
}


def given_to(name: str, pictures: InputFiles) -> InputFiles:
    """As many of the pictures as the structure called `name` is to have."""
    if not STRUCTURES[name].takes_image:
        return NO_INPUTS
    return pictures if name.endswith("to an image") else replace(pictures, last_image=None)


CHANGES: list[dict[str, Any]] = [
    {"steps": 1},
    {"steps": 17, "flow_shift": 12.0},
    {"flow_shift": 1.0, "seed": 8, "negative_prompt": "blue"},
    {"guidance_high_noise": 1.0, "guidance_low_noise": 1.0},
    {"guidance_high_noise": 5.0, "guidance_low_noise": 2.0},
    {"prompt": "A &amp; B\n  红色", "negative_prompt": ""},
]
CASES = [
    *((name, scheduler, {}) for name in STRUCTURES for scheduler in SCHEDULERS),
    *(("A14B", "unipc", changes) for changes in CHANGES),
    *((name, "unipc", CHANGES[1]) for name in STRUCTURES if name != "A14B"),
    *(("A14B", scheduler, CHANGES[1]) for scheduler in SCHEDULERS[1:]),
    ("I2V-A14B", "dpm++", CHANGES[4]),
]


@pytest.mark.parametrize(("name", "scheduler", "changes"), CASES, ids=str)
def test_latents_equal_those_of_the_stock_pipeline(
    name: str, scheduler: str, changes: dict[str, Any], pictures: InputFiles
) -> None:
    request = wanted(scheduler=scheduler, **changes)
    inputs = given_to(name, pictures)
    pipe = a_pipe(STRUCTURES[name])

    ours = our_latents(pipe, request, inputs)

    stock = run_stock(pipe, request, inputs)
    assert ours.dtype == stock.dtype
    assert torch.equal(ours, stock)
    assert torch.isfinite(stock).all()


def test_a_step_on_the_boundary_is_the_high_noise_experts_as_in_the_stock_pipeline() -> None:
    pipe, request = a_pipe(replace(A14B, boundary_ratio=0.833)), wanted()
    scheduler = stock_scheduler(pipe, request)
    scheduler.set_timesteps(request.steps)

    ours = our_latents(pipe, request)

    assert 1000 * pipe.config.boundary_ratio in scheduler.timesteps
    assert torch.equal(ours, run_stock(pipe, request))


@pytest.mark.parametrize(
    "name", ["A14B", "5B from image", "I2V-A14B", "I2V-A14B to an image"], ids=str
)
def test_frames_equal_those_of_the_stock_pipeline(name: str, pictures: InputFiles) -> None:
    request, inputs = wanted(), given_to(name, pictures)
    pipe = a_pipe(STRUCTURES[name])

    ours = decoded(pipe.vae, our_latents(pipe, request, inputs))

    theirs = _decoded_as_stock(pipe, run_stock(pipe, request, inputs))
    assert ours.shape == (9, 32, 48, 3)
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("num_frames", [5, 9, 13])
def test_a_last_image_is_one_frame_of_the_last_latent_frame(
    num_frames: int, pictures: InputFiles
) -> None:
    pipe, request = a_pipe(I2V_A14B), wanted(num_frames=num_frames, steps=2)

    ours = our_latents(pipe, request, pictures)

    assert torch.equal(ours, run_stock(pipe, request, pictures))
    assert not torch.equal(ours, our_latents(pipe, request, replace(pictures, last_image=None)))


def test_the_5b_structure_drops_a_last_image_in_silence_which_is_why_it_is_refused(
    pictures: InputFiles,
) -> None:
    pipe, request = a_pipe(TI2V_IMAGE), wanted(steps=2)

    stock = run_stock(pipe, request, pictures)

    assert torch.equal(stock, run_stock(pipe, request, replace(pictures, last_image=None)))
    assert not any(spec.takes_last_image for spec in CHECKPOINTS if spec.expands_timesteps)


@pytest.mark.parametrize("step", [1, 3, 5])
def test_a_run_between_two_images_goes_on_bit_for_bit(step: int, pictures: InputFiles) -> None:
    pipe, request = a_pipe(I2V_A14B), wanted()
    resume = FakeResumePoints(due=[step])
    unbroken = our_latents(pipe, request, pictures, resume=resume)

    begun, _identity = _from_bytes(resume.points[step])
    resumed = our_latents(pipe, request, pictures, begun=begun)

    assert begun.step == step
    assert torch.equal(resumed, unbroken)
    assert torch.equal(resumed, run_stock(pipe, request, pictures))


def test_the_real_5b_structure_equals_stock(tmp_path: Path) -> None:
    Image.radial_gradient("L").resize((64, 32)).convert("RGB").save(tmp_path / "image.png")
    inputs = InputFiles(image=tmp_path / "image.png")
    pipe = a_pipe(replace(TI2V_5B, takes_image=True))
    request = wanted(width=64, num_frames=5, steps=2)

    ours = our_latents(pipe, request, inputs)

    assert ours.shape == (1, 48, 2, 2, 4)
    assert torch.equal(ours, run_stock(pipe, request, inputs))


def test_low_noise_guidance_works_without_high_noise_guidance() -> None:
    # The stock pipeline looks at the high-noise value alone, and drops the other one silently.
    pipe = a_pipe(A14B)
    request = wanted(guidance_high_noise=1.0, guidance_low_noise=5.0)

    ours = our_latents(pipe, request)

    unguided = replace(request, guidance_low_noise=1.0)
    assert torch.equal(run_stock(pipe, request), run_stock(pipe, unguided))
    assert not torch.equal(ours, our_latents(pipe, unguided))


@pytest.mark.parametrize("scheduler", ["unipc", "euler", "dpm++"])
def test_the_shift_matters_to_every_scheduler(scheduler: str) -> None:
    # `FlowMatchEulerDiscreteScheduler.from_config` of UniPC's configuration drops it in silence.
    pipe = a_pipe(A14B)

    flat, leaning = (
        our_latents(pipe, wanted(scheduler=scheduler, flow_shift=shift)) for shift in (1, 9)
    )

    assert not torch.equal(flat, leaning)


def in_bf16(structure: Structure) -> Any:
    pipe = copy.deepcopy(a_pipe(structure))
    for name in ("transformer", "transformer_2", "text_encoder"):
        if getattr(pipe, name) is not None:
            setattr(pipe, name, getattr(pipe, name).to(torch.bfloat16))
    return pipe


@pytest.mark.parametrize("structure", [A14B, TI2V], ids=str)
def test_weights_in_bf16_are_treated_as_stock_treats_them(structure: Structure) -> None:
    pipe = in_bf16(structure)

    ours = our_latents(pipe, wanted())

    assert torch.equal(ours, run_stock(pipe, wanted()))


def test_there_is_a_moment_to_stop_at_before_every_block_and_no_trace_of_it_after() -> None:
    pipe = a_pipe(A14B)
    names, heard = list(pipe.transformer.state_dict()), []

    our_latents(pipe, wanted(steps=4), report=heard.append)

    passes, blocks_each = 4 * 2, 2
    assert heard.count(StillRunning()) >= passes * blocks_each
    assert type(pipe.transformer.blocks) is torch.nn.ModuleList
    assert list(pipe.transformer.state_dict()) == names
    assert not hasattr(pipe.transformer.blocks, "moment")
    assert not [name for name, part in pipe.transformer.named_modules() if "forward" in vars(part)]


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
def test_a_prompt_that_would_be_cut_off_is_refused(field: str) -> None:
    words = " ".join(["red"] * (MAX_TOKENS + 1))

    with pytest.raises(PromptTooLong, match=r"tokens long; the model reads 512"):
        our_latents(a_pipe(T2V_1B), wanted(**{field: words}))


def _decoded_as_stock(pipe: Any, latents: torch.Tensor) -> torch.Tensor:
    """uint8, (F, H, W, 3): the end of `WanPipeline.__call__`, and what a user makes of its floats."""
    shape = (1, pipe.vae.config.z_dim, 1, 1, 1)
    mean = torch.tensor(pipe.vae.config.latents_mean).view(shape)
    inverse_std = 1.0 / torch.tensor(pipe.vae.config.latents_std).view(shape)
    with torch.no_grad():
        video = pipe.vae.decode(latents / inverse_std + mean, return_dict=False)[0]
    frames = pipe.video_processor.postprocess_video(video, output_type="np")[0]
    return torch.from_numpy((frames * 255).round().astype(np.uint8))
