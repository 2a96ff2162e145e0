"""Noise to clean latents, as the paper has it: words, noise, schedule, experts, guidance, step.

A loop of our own over the stock components, because the stock pipelines cannot begin in the middle of a
schedule. Its latents are theirs, bit for bit (`tests/integration/test_denoising.py`), but for one thing:
they take guidance from the high-noise value alone, and drop the low-noise one where that is 1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import torch
from diffusers import WanPipeline
from diffusers.utils.torch_utils import randn_tensor

from adapters.diffusers.broken_latents import refuse_broken
from adapters.diffusers.conditioning import Conditioning, build_conditioning
from adapters.diffusers.given_latents import clip_latents
from adapters.diffusers.loras import LoraStack
from adapters.diffusers.parts import bring
from adapters.diffusers.prompts import Prompts
from adapters.diffusers.remembered_text import remembered_text
from adapters.diffusers.run_state import Identity, RunState, to_bytes
from adapters.diffusers.schedulers import (
    add_noise,
    build_scheduler,
    read_history,
    write_history,
)
from adapters.diffusers.shared_timestep import one_timestep_for_all
from adapters.diffusers.step_cache import StepCache
from adapters.diffusers.stopping import moments_between_blocks
from domain.generation import GenerationRequest
from domain.inputs import InputFiles, is_at_one_timestep
from domain.progress import Stage
from domain.rendering import Report, StageEntered, StepFinished, StillRunning
from domain.resume import ResumePoints
from domain.shortcuts import guided_steps, is_guided, wears_loras

#: Told each step, and how to get what the run then takes for its clean latents: as `denoise` returns them.
Watch: TypeAlias = Callable[[int, Callable[[], torch.Tensor]], None]


def unwatched(_step: int, _clean: Callable[[], torch.Tensor]) -> None:
    """Nobody looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expert:
    """A transformer, and how strongly its prediction is pushed away from the negative prompt's."""

    transformer: Any
    guidance: float


@torch.no_grad()
def denoise(
    pipe: WanPipeline,
    request: GenerationRequest,
    report: Report,
    resume: ResumePoints,
    *,
    prompts: Prompts,
    identity: Identity,
    begun: RunState | None,
    inputs: InputFiles,
    loras: LoraStack,
    done: Sequence[torch.Tensor] = (),
    before: torch.Tensor | None = None,
    watch: Watch = unwatched,
) -> torch.Tensor:
    """The clean latents of one segment of the request, (1, C, T, H, W), normalised.

    Args:
        pipe: the loaded parts; its own `__call__` is not used.
        prompts: the way from text to embeddings.
        identity: saved with every resume point.
        begun: what to go on from, in this segment; None begins at its first step.
        loras: what the transformers have on.
        done: the latents of the segments before this one.
        before: the last frame of these, decoded, (1, 3, 1, H, W), -1 to 1; None where there are none.
        watch: called before a step is reported; of what it asks for, no bit of the latents depends.

    Raises:
        LatentsBroken: a step made numbers that can become no video; nothing of it is saved.
    """
    report(StageEntered(stage=Stage.ENCODING_PROMPT))
    high = _Expert(transformer=pipe.transformer, guidance=request.guidance_high_noise)
    second = getattr(pipe, "transformer_2", None)  # Animate's pipeline has no place for one
    low = _Expert(transformer=second, guidance=request.guidance_low_noise)
    boundary = _boundary(pipe)
    prompt = prompts.embed(request.prompt, "prompt")
    report(StillRunning())
    negative = None
    if guided_steps(request):
        negative = prompts.embed(request.negative_prompt, "negative prompt")
    report(StillRunning())

    segment, steps = len(done), request.denoising_steps
    latents = _noise(pipe, request, segment)
    conditioning = build_conditioning(
        pipe, request, latents, inputs, segment=segment, before=before
    )
    scheduler = build_scheduler(
        request.scheduler,
        pipe.scheduler,
        flow_shift=request.flow_shift,
        steps=request.steps,
        device=pipe.device,
        skipped=request.steps - steps,
    )
    cache = StepCache(request)
    if begun is not None:
        begun = begun.on(pipe.device)
        latents, cache = begun.latents, StepCache(request, begun.cache)
        write_history(scheduler, begun.history)
    elif inputs.video is not None:
        latents = add_noise(scheduler, clip_latents(pipe, request, inputs.video), latents)

    report(StageEntered(stage=Stage.DENOISING))
    transformers = [expert.transformer for expert in (high, low) if expert.transformer is not None]
    with (
        moments_between_blocks(transformers, lambda: report(StillRunning())),
        one_timestep_for_all(transformers if _has_one_timestep(pipe, inputs) else ()),
        remembered_text(transformers if request.loras_from is None else ()),
    ):
        timesteps = scheduler.timesteps[scheduler.begin_index :]
        times = timesteps.tolist()  # on the host: a comparison of `t` would wait for the GPU
        behind = segment * steps  # the run's steps before this segment
        for step in range(begun.step - behind + 1 if begun else 1, steps + 1):
            t = timesteps[step - 1]
            expert = high if boundary is None or times[step - 1] >= boundary else low
            guides = negative is not None and expert.guidance > 1.0 and is_guided(request, step)
            loras.rests = not wears_loras(request, step)
            regime = 4 * (expert is high) + 2 * guides + loras.rests
            velocity = cache.recall(step, latents, regime)
            if velocity is None:
                bring(pipe, expert.transformer)
                loras.follow(expert.transformer)
                velocity = _velocity(
                    expert, conditioning, latents, t, prompt, negative if guides else None
                )
                cache.keep(latents, velocity)
            noise = times[step - 1] / pipe.scheduler.config.num_train_timesteps
            clean = partial(_clean, conditioning, latents, velocity, noise)
            latents = scheduler.step(velocity, t, latents, return_dict=False)[0]
            in_all = behind + step
            refuse_broken(latents, step=in_all, steps=request.all_steps, guilty=expert.transformer)

            if step == steps:
                latents = conditioning.finish(latents)
            if resume.is_due(in_all, request.all_steps) or step == steps:
                state = RunState(
                    step=in_all,
                    latents=latents,
                    history=read_history(scheduler),
                    cache=cache.memory,
                    done=tuple(done),
                )
                resume.save(in_all, to_bytes(state, identity))
            watch(in_all, clean)
            report(StepFinished(step=in_all))
    cache.tell(report, segment)
    return latents


def _velocity(
    expert: _Expert,
    conditioning: Conditioning,
    latents: torch.Tensor,
    t: torch.Tensor,
    prompt: torch.Tensor,
    negative: torch.Tensor | None,
) -> torch.Tensor:
    """What the expert predicts, pushed away from what it predicts for `negative`, if there is one."""
    given = {
        "hidden_states": conditioning.model_input(latents).to(expert.transformer.dtype),
        "timestep": conditioning.timestep(t),
        "return_dict": False,
        **conditioning.control(),
    }
    velocity: torch.Tensor = expert.transformer(**given, encoder_hidden_states=prompt)[0]
    if negative is not None:
        given |= conditioning.away()
        away = expert.transformer(**given, encoder_hidden_states=negative)[0]
        velocity = away + expert.guidance * (velocity - away)
    return velocity


def texts_of(request: GenerationRequest) -> Sequence[str]:
    """What has to be embedded for it."""
    return [request.prompt, *([request.negative_prompt] if guided_steps(request) else [])]


def _clean(
    conditioning: Conditioning, noisy: torch.Tensor, velocity: torch.Tensor, noise: float
) -> torch.Tensor:
    """Where `velocity` leads from latents of which the share `noise` is noise."""
    return conditioning.finish(noisy - noise * velocity)


def _has_one_timestep(pipe: WanPipeline, inputs: InputFiles) -> bool:
    """Whether every token is given a timestep, and all the same."""
    return bool(pipe.config.get("expand_timesteps")) and is_at_one_timestep(inputs)


def _boundary(pipe: WanPipeline) -> float | None:
    """The timestep from which on, downwards, the low-noise expert works; None where there is none."""
    ratio = pipe.config.get("boundary_ratio")
    if ratio is None:
        return None
    return float(ratio * pipe.scheduler.config.num_train_timesteps)


def _noise(pipe: WanPipeline, request: GenerationRequest, segment: int) -> torch.Tensor:
    """The latents to begin with. Drawn on the CPU, the noise of a seed is that of every machine.

    That of a segment is drawn after that of those before it.
    """
    shape = (
        1,
        pipe.vae.config.z_dim,
        (request.segments.num_frames - 1) // pipe.vae_scale_factor_temporal
        + 1
        + len(request.references),
        request.height // pipe.vae_scale_factor_spatial,
        request.width // pipe.vae_scale_factor_spatial,
    )
    generator = torch.Generator("cpu").manual_seed(request.seed)
    noise: torch.Tensor
    for _ in range(segment + 1):
        noise = randn_tensor(shape, generator=generator, device=pipe.device, dtype=torch.float32)
    return noise
