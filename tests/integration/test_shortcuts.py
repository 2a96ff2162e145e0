"""What is left out of a run, and that nothing else changes: on random structures, bit for bit."""

import copy
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import save_file

from adapters.diffusers import remembered_text
from adapters.diffusers.denoising import denoise
from adapters.diffusers.loras import LoraStack
from adapters.diffusers.prompts import Prompts
from adapters.diffusers.run_state import RunState, _from_bytes
from adapters.diffusers.schedulers import build_scheduler
from adapters.filesystem.lora_catalog import FilesystemLoraCatalog
from domain.generation import GenerationRequest
from domain.inputs import NO_INPUTS
from domain.lora import LoraDraft
from domain.rendering import Noticed, RenderProgress, StepFinished
from tests.fakes.examples import a_request
from tests.fakes.resume_points import FakeResumePoints
from tests.integration.tiny_wans import A14B, T2V_1B, TI2V_5B, Structure, a_pipe

pytestmark = pytest.mark.slow
STEPS = 12
EVERY_STEP = range(1, STEPS + 1)
#: Leaves steps of both experts out, and makes others in between.
CACHE = 0.5
TI2V = replace(TI2V_5B, vae_16x=False)


class Ran(NamedTuple):
    """A run's latents, which step each forward was for, what it told, and what it saved."""

    latents: torch.Tensor
    forwards: list[int]
    told: list[RenderProgress]
    points: dict[int, bytes]

    def latents_after(self, step: int) -> torch.Tensor:
        return _from_bytes(self.points[step])[0].latents


def ran(
    pipe: Any,
    request: GenerationRequest,
    begun: RunState | None = None,
    loras: LoraStack | None = None,
    report: Any = None,
) -> Ran:
    told: list[RenderProgress] = []
    forwards: list[int] = []
    resume = FakeResumePoints(due=EVERY_STEP)

    def hear(progress: RenderProgress) -> None:
        told.append(progress)
        if report:
            report(progress)

    def count(*_: Any) -> None:
        done = sum(isinstance(progress, StepFinished) for progress in told)
        forwards.append(done + 1 + (begun.step if begun else 0))

    experts = [e for e in (pipe.transformer, pipe.transformer_2) if e is not None]
    hooks = [expert.register_forward_pre_hook(count) for expert in experts]
    try:
        latents = denoise(
            pipe,
            request,
            hear,
            resume,
            prompts=Prompts(pipe, load_encoder=lambda: None),
            identity={},
            begun=begun,
            inputs=NO_INPUTS,
            loras=loras or LoraStack(pipe),
        )
    finally:
        for hook in hooks:
            hook.remove()
    return Ran(latents, forwards, told, resume.points)


def wanted(**changes: Any) -> GenerationRequest:
    return replace(
        a_request(width=32, height=32, num_frames=5, steps=STEPS, flow_shift=5.0), **changes
    )


class TestGuidanceThatEndsEarly:
    def test_the_steps_after_it_have_one_forward(self) -> None:
        run = ran(a_pipe(A14B), wanted(guidance_until=0.5))

        assert [run.forwards.count(step) for step in EVERY_STEP] == [2] * 6 + [1] * 6

    def test_the_steps_before_it_are_those_of_the_exact_run(self) -> None:
        exact, early = (ran(a_pipe(A14B), wanted(guidance_until=u)) for u in (None, 0.5))

        assert torch.equal(exact.latents_after(6), early.latents_after(6))
        assert not torch.equal(exact.latents_after(7), early.latents_after(7))

    def test_none_at_all_is_guidance_1(self) -> None:
        never = ran(a_pipe(A14B), wanted(guidance_until=0.0))

        unguided = wanted(guidance_high_noise=1.0, guidance_low_noise=1.0)
        assert torch.equal(never.latents, ran(a_pipe(A14B), unguided).latents)


@pytest.mark.parametrize("structure", [A14B, T2V_1B, TI2V], ids=["A14B", "1.3B", "5B"])
class TestTheStepCache:
    def test_leaves_whole_steps_out_and_says_how_many(self, structure: Structure) -> None:
        run = ran(a_pipe(structure), wanted(step_cache=CACHE))

        left_out = [step for step in EVERY_STEP if step not in run.forwards]
        assert 2 < len(left_out) < STEPS - 2
        assert STEPS not in left_out
        assert run.told[-1] == Noticed(
            text=f"Step cache: {len(left_out)} of 12 steps were left out."
        )
        assert {run.forwards.count(step) for step in run.forwards} == {2}

    def test_that_never_leaves_one_out_changes_nothing(self, structure: Structure) -> None:
        cached, exact = (ran(a_pipe(structure), wanted(step_cache=c)) for c in (1e-9, None))

        assert cached.forwards == exact.forwards
        assert torch.equal(cached.latents, exact.latents)

    def test_a_resumed_run_is_the_unbroken_one(self, structure: Structure) -> None:
        pipe, request = a_pipe(structure), wanted(step_cache=CACHE, guidance_until=0.6)
        unbroken = ran(pipe, request)

        for step in range(1, STEPS):
            begun = _from_bytes(unbroken.points[step])[0]
            resumed = ran(pipe, request, begun=begun)
            assert torch.equal(resumed.latents, unbroken.latents), step
            assert resumed.forwards == [of for of in unbroken.forwards if of > step]
            assert resumed.told[-1] == unbroken.told[-1]

    def test_a_run_that_was_ended_leaves_nothing_behind(self, structure: Structure) -> None:
        # With diffusers' hooks, the next run of the seed differed, and one of another size failed.
        pipe, request = a_pipe(structure), wanted(step_cache=CACHE)
        before = ran(pipe, request).latents

        def end(progress: RenderProgress) -> None:
            if progress == StepFinished(step=5):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            ran(pipe, replace(request, seed=9), report=end)

        ran(pipe, replace(request, width=48))
        assert torch.equal(ran(pipe, request).latents, before)


def test_an_expert_makes_its_first_two_steps_itself() -> None:
    pipe, request = a_pipe(A14B), wanted(step_cache=1.0)
    experts: list[tuple[str, int]] = []
    steps: list[int] = [1]
    hooks = [
        getattr(pipe, name).register_forward_pre_hook(
            lambda *_, name=name: experts.append((name, steps[-1]))
        )
        for name in ("transformer", "transformer_2")
    ]

    run = ran(pipe, request, report=lambda p: _note(p, steps))

    for hook in hooks:
        hook.remove()
    low = sorted({step for name, step in experts if name == "transformer_2"})
    assert low[1] == low[0] + 1
    assert len(set(run.forwards)) == 5  # two of each expert, and the last


def _note(progress: RenderProgress, steps: list[int]) -> None:
    if isinstance(progress, StepFinished):
        steps.append(progress.step + 1)


def test_distilled_steps_are_evenly_spaced_before_the_shift() -> None:
    scheduler = build_scheduler(
        "distilled", a_pipe(A14B).scheduler, flow_shift=5.0, steps=4, device="cpu"
    )

    # Source: `sample_shift` 5 over 1000, 750, 500, 250, as step-distilled Wan is trained.
    assert scheduler.timesteps.tolist() == pytest.approx([1000, 937.5, 833.3333, 625], abs=1e-3)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> FilesystemLoraCatalog:
    folder = tmp_path_factory.mktemp("loras")
    torch.manual_seed(3)
    shapes = {"blocks.0.ffn.0": (24, 32), "blocks.1.cross_attn.k": (24, 24)}
    shapes |= {
        "text_embedding.0": (16, 24)
    }  # a small transformer remembers what it made of the text
    save_file(
        {
            f"diffusion_model.{layer}.lora_{part}.weight": torch.randn(shape)
            for layer, (width, out) in shapes.items()
            for part, shape in (("down", (4, width)), ("up", (out, 4)))
        },
        folder / "turn.safetensors",
    )
    return FilesystemLoraCatalog(folder)


class TestLorasThatAreOnLater:
    def run(
        self, catalog: FilesystemLoraCatalog, begun: RunState | None = None, **changes: Any
    ) -> Ran:
        pipe, lora = copy.deepcopy(a_pipe(A14B)), catalog.find("turn")
        use = LoraDraft(name="turn").complete(catalog.hashes(lora))
        stack = LoraStack(pipe)
        stack.wear([use], [lora])
        return ran(pipe, wanted(loras=(use,), **changes), begun, loras=stack)

    def test_the_first_steps_are_made_without_them(self, catalog: FilesystemLoraCatalog) -> None:
        without, later = ran(a_pipe(A14B), wanted()), self.run(catalog, loras_from=0.25)

        assert torch.equal(without.latents_after(3), later.latents_after(3))
        assert not torch.equal(without.latents_after(4), later.latents_after(4))

    def test_then_what_was_made_of_the_text_is_made_anew(
        self, catalog: FilesystemLoraCatalog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        later = self.run(catalog, loras_from=0.25)

        monkeypatch.setattr(remembered_text, "MAX_BYTES", 0)
        assert torch.equal(self.run(catalog, loras_from=0.25).latents, later.latents)

    def test_they_are_back_on_in_the_next_run(self, catalog: FilesystemLoraCatalog) -> None:
        throughout = self.run(catalog)

        assert torch.equal(self.run(catalog, loras_from=0.0).latents, throughout.latents)

    def test_a_resumed_run_is_the_unbroken_one(self, catalog: FilesystemLoraCatalog) -> None:
        asked = {"loras_from": 0.5, "step_cache": CACHE}
        unbroken = self.run(catalog, **asked)

        for step in (5, 6, 7, 9):
            begun = _from_bytes(unbroken.points[step])[0]
            assert torch.equal(self.run(catalog, begun, **asked).latents, unbroken.latents)
