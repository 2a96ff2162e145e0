"""What our loop leaves out or does once changes no bit, and what it must not go on with ends it."""

import copy
from typing import Any

import pytest
import torch

from adapters.diffusers import remembered_text
from adapters.diffusers.broken_latents import refuse_broken
from domain.errors import LatentsBroken
from domain.generation import GenerationRequest
from tests.fakes.resume_points import FakeResumePoints
from tests.integration.runs import our_latents, run_stock
from tests.integration.test_denoising import TI2V, in_bf16, wanted
from tests.integration.tiny_wans import A14B, T2V_1B, a_pipe

pytestmark = pytest.mark.slow


def passes_of(request: GenerationRequest) -> tuple[int, int]:
    """Forwards of the high-noise and of the low-noise expert."""
    pipe = copy.deepcopy(a_pipe(A14B))
    passes: list[str] = []
    for name in ("transformer", "transformer_2"):
        getattr(pipe, name).register_forward_pre_hook(lambda *_, name=name: passes.append(name))

    our_latents(pipe, request)

    return passes.count("transformer"), passes.count("transformer_2")


@pytest.mark.parametrize(("high", "low"), [(4.0, 3.0), (4.0, 1.0), (1.0, 5.0)])
def test_only_an_expert_that_is_guided_pays_for_an_unconditional_pass(
    high: float, low: float
) -> None:
    steps = passes_of(wanted(guidance_high_noise=1.0, guidance_low_noise=1.0))

    passes = passes_of(wanted(guidance_high_noise=high, guidance_low_noise=low))

    assert sum(steps) == wanted().steps
    assert min(steps) > 0
    assert passes == (steps[0] * (1 + (high > 1)), steps[1] * (1 + (low > 1)))


def test_what_is_left_out_changes_no_bit() -> None:
    # Stock pays for the pass and multiplies by one; it gives our bits where it is told, from outside,
    # to stop guiding at the boundary.
    pipe = a_pipe(A14B)
    request = wanted(guidance_high_noise=4.0, guidance_low_noise=1.0)

    def stop_guiding(pipe: Any, step: int, _t: Any, kwargs: Any) -> Any:
        if step + 1 < request.steps and pipe.scheduler.timesteps[step + 1] < 875:
            pipe._guidance_scale = 1.0
        return kwargs

    stock = run_stock(pipe, request, callback_on_step_end=stop_guiding)

    assert torch.equal(our_latents(pipe, request), stock)


@pytest.mark.parametrize("agree", [True, False])
def test_tokens_of_one_timestep_share_its_embedding_where_that_is_exact(agree: bool) -> None:
    pipe, rows = in_bf16(TI2V), set[int]()
    embedder, block = pipe.transformer.condition_embedder, pipe.transformer.blocks[0]
    if not agree:
        spoil = torch.arange(18).view(1, 18, 1) * 1e-3
        embedder.register_forward_hook(lambda _m, _g, made: (made[0] + spoil, *made[1:]))
    block.register_forward_pre_hook(lambda _m, given: rows.add(given[2].shape[1]))

    ours = our_latents(pipe, wanted())

    assert rows == ({1} if agree else {18})
    assert torch.equal(ours, run_stock(pipe, wanted()))


@pytest.mark.parametrize("fits", [True, False])
def test_a_small_transformer_reads_the_text_once_a_run(
    fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe, passes = copy.deepcopy(a_pipe(A14B)), list[str]()
    parts = {"text": "condition_embedder.text_embedder.linear_1", "keys": "blocks.1.attn2.norm_k"}
    for name, part in parts.items():
        layer = pipe.transformer_2.get_submodule(part)
        before = layer.forward
        layer.forward = lambda x, name=name, before=before: (passes.append(name), before(x))[1]
    if not fits:
        monkeypatch.setattr(remembered_text, "MAX_BYTES", 0)
    steps = passes_of(wanted(guidance_high_noise=1.0, guidance_low_noise=1.0))[1]

    ours = our_latents(pipe, wanted())

    for name in parts:
        assert passes.count(name) == 2 * (1 if fits else steps)
    assert torch.equal(ours, our_latents(a_pipe(A14B), wanted()))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_run_whose_numbers_broke_ends_at_once_and_saves_nothing_of_it(value: float) -> None:
    # It went on to the end, and was published as a black video.
    pipe = copy.deepcopy(a_pipe(A14B))
    resume = FakeResumePoints(due=range(1, 7))
    passes: list[int] = []

    def break_third_step(_module: Any, _given: Any, made: tuple[torch.Tensor]) -> Any:
        passes.append(1)
        return (made[0] * value,) if len(passes) == 5 else None

    for transformer in (pipe.transformer, pipe.transformer_2):
        transformer.register_forward_hook(break_third_step)

    with pytest.raises(LatentsBroken, match=r"step 3 of 6 .*float32 .*native"):
        our_latents(pipe, wanted(), resume=resume)

    assert len(passes) == 6
    assert list(resume.points) == [1, 2]


def test_latents_that_are_all_alike_are_broken() -> None:
    transformer = a_pipe(T2V_1B).transformer

    with pytest.raises(LatentsBroken, match="all alike"):
        refuse_broken(torch.full((1, 16, 2, 4, 4), 0.5), step=1, steps=2, guilty=transformer)
