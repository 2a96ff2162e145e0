"""A given video made anew: `WanVideoToVideoPipeline` where that is right, and ours where it is not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import WanVideoToVideoPipeline

from adapters.diffusers.given_frames import read_clip_frames
from adapters.diffusers.given_latents import clip_latents
from adapters.diffusers.run_state import _from_bytes
from adapters.pyav.sandbox import write_clip
from domain.generation import SCHEDULERS, GenerationRequest
from domain.inputs import InputFiles
from domain.rendering import RenderProgress, StepFinished
from tests.fakes.examples import a_request
from tests.fakes.resume_points import FakeResumePoints
from tests.integration.clips import noisy_frames, video_file
from tests.integration.runs import our_latents, run_stock, stock_scheduler
from tests.integration.tiny_wans import A14B, T2V_1B, TI2V_5B, a_pipe

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> InputFiles:
    """9 frames of noise at the 8 a second of the requests."""
    path = tmp_path_factory.mktemp("clips") / "clip.zip"
    with path.open("wb") as target:
        write_clip(video_file(noisy_frames(9, (64, 32)), fps=8), target)
    return InputFiles(video=path)


def wanted(**changes: Any) -> GenerationRequest:
    size = {"width": 64, "height": 32, "num_frames": 9}
    return a_request(**{**size, "steps": 6, "strength": 0.8, "video": "vid_0", **changes})


def stock(
    pipe: Any, request: GenerationRequest, given: InputFiles, scheduler: Any = None
) -> torch.Tensor:
    """What `WanVideoToVideoPipeline` makes of the same parts and pictures."""
    names = ("tokenizer", "text_encoder", "transformer", "vae", "scheduler")
    other = WanVideoToVideoPipeline(**{name: getattr(pipe, name) for name in names})
    other.set_progress_bar_config(disable=True)
    assert given.video is not None
    latents: torch.Tensor = run_stock(
        other,
        request,
        scheduler=scheduler,
        video=list(read_clip_frames(given.video, request)),
        strength=request.strength,
    )
    return latents


def passes(pipe: Any) -> tuple[list[str], list[Any]]:
    """Which expert is called, as it is called; and the hooks to remove."""
    called: list[str] = []
    experts = [name for name in ("transformer", "transformer_2") if getattr(pipe, name)]
    hooks = [
        getattr(pipe, name).register_forward_pre_hook(lambda *_, name=name: called.append(name))
        for name in experts
    ]
    return called, hooks


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("strength", [0.2, 0.5, 0.8, 1.0])
def test_latents_equal_those_of_the_stock_pipeline_on_one_network(
    scheduler: str, strength: float, given: InputFiles
) -> None:
    request = wanted(scheduler=scheduler, strength=strength)
    pipe = a_pipe(T2V_1B)

    assert torch.equal(our_latents(pipe, request, given), stock(pipe, request, given))


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 17, "flow_shift": 8.0},
        {"guidance_high_noise": 1.0, "guidance_low_noise": 1.0},
        {"num_frames": 5, "seed": 9},
    ],
)
def test_whatever_is_asked_latents_equal_those_of_the_stock_pipeline(
    changes: Mapping[str, Any], given: InputFiles
) -> None:
    request, pipe = wanted(**changes), a_pipe(T2V_1B)

    assert torch.equal(our_latents(pipe, request, given), stock(pipe, request, given))


def test_of_two_equal_timesteps_none_is_passed_over(given: InputFiles) -> None:
    # Stock looks its first timestep up, finds two of it, begins at the second, and fails at the end.
    request, pipe = wanted(steps=40, flow_shift=30.0, strength=1.0), a_pipe(T2V_1B)
    scheduler = stock_scheduler(pipe, request)
    scheduler.set_timesteps(40)
    assert scheduler.timesteps[0] == scheduler.timesteps[1]
    made = our_latents(pipe, request, given)

    with pytest.raises(AssertionError):
        stock(pipe, request, given)
    scheduler.index_for_timestep = lambda *_: 0
    assert torch.equal(made, stock(pipe, request, given, scheduler))


@pytest.mark.parametrize("step", [1, 3, 4])
def test_a_run_goes_on_bit_for_bit(step: int, given: InputFiles) -> None:
    pipe, request, resume = a_pipe(A14B), wanted(), FakeResumePoints(due=[step])
    unbroken = our_latents(pipe, request, given, resume=resume)
    told: list[RenderProgress] = []

    begun, _identity = _from_bytes(resume.points[step])
    resumed = our_latents(pipe, request, given, begun=begun, report=told.append)

    assert torch.equal(resumed, unbroken)
    steps = [report.step for report in told if isinstance(report, StepFinished)]
    assert steps == list(range(step + 1, 5))


def test_each_expert_works_on_its_side_of_the_boundary(given: InputFiles) -> None:
    # Stock has room for one transformer, the high-noise one, and lets it do everything in silence.
    pipe, request = a_pipe(A14B), wanted(steps=10, strength=0.7, flow_shift=5.0)
    scheduler = stock_scheduler(pipe, request)
    scheduler.set_timesteps(10)
    high = int((scheduler.timesteps[3:] >= 875).sum())
    called, hooks = passes(pipe)

    made = our_latents(pipe, request, given)

    for hook in hooks:
        hook.remove()
    assert called == ["transformer"] * 2 * high + ["transformer_2"] * 2 * (7 - high)
    assert 0 < high < 7
    assert not torch.equal(made, stock(pipe, request, given))


def test_a_weak_strength_needs_the_low_noise_expert_alone(given: InputFiles) -> None:
    pipe, request = a_pipe(A14B), wanted(steps=10, strength=0.2)
    called, hooks = passes(pipe)

    our_latents(pipe, request, given)

    for hook in hooks:
        hook.remove()
    assert set(called) == {"transformer_2"}


def test_the_5b_structure_which_stock_cannot_run_is_made_anew(given: InputFiles) -> None:
    pipe, request = a_pipe(TI2V_5B), wanted()

    with pytest.raises(RuntimeError, match="must match"):
        stock(pipe, request, given)
    weak, strong = (our_latents(pipe, wanted(strength=s), given) for s in (0.2, 1.0))

    assert weak.shape == (1, 48, 3, 2, 4)
    source = clip_latents(pipe, request, given.video or Path())
    assert (weak - source).abs().mean() < (strong - source).abs().mean()


@pytest.mark.parametrize("structure", [T2V_1B, A14B], ids=str)
def test_the_weaker_the_closer_to_what_was_given(structure: Any, given: InputFiles) -> None:
    pipe = a_pipe(structure)
    with torch.no_grad():
        source = clip_latents(pipe, wanted(), given.video or Path())

    distances = [
        float((our_latents(pipe, wanted(steps=10, strength=s), given) - source).abs().mean())
        for s in (0.1, 0.4, 1.0)
    ]

    assert distances == sorted(distances)
