"""Noise to clean latents, as the paper has it: words, noise, schedule, experts, guidance, step.

A loop of our own over the stock components, because the stock pipelines cannot begin in the middle of a
schedule. Its latents are theirs, bit for bit (`tests/integration/test_denoising.py`), but for one thing:
they take guidance from the high-noise value alone, and drop the low-noise one where that is 1.
"""

from dataclasses import dataclass
from typing import Any, Final

import torch
from diffusers import WanPipeline
from diffusers.pipelines.wan.pipeline_wan import prompt_clean
from diffusers.utils.torch_utils import randn_tensor

from adapters.diffusers.conditioning import build_conditioning
from adapters.diffusers.given_latents import clip_latents
from adapters.diffusers.parts import bring
from adapters.diffusers.run_state import Identity, RunState, to_bytes
from adapters.diffusers.schedulers import (
    add_noise,
    build_scheduler,
    read_history,
    write_history,
)
from adapters.diffusers.stopping import moments_between_blocks
from domain.errors import PromptTooLong
from domain.generation import GenerationRequest
from domain.inputs import InputFiles
from domain.progress import Stage
from domain.rendering import Report, StageEntered, StepFinished, StillRunning
from domain.resume import ResumePoints

#: Tokens that UMT5 is given; `max_sequence_length` of `WanPipeline.__call__`.
MAX_TOKENS: Final = 512


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
    identity: Identity,
    begun: RunState | None,
    inputs: InputFiles,
) -> torch.Tensor:
    """The request's clean latents, (1, C, T, H, W), normalised.

    Args:
        pipe: the loaded parts; its own `__call__` is not used.
        identity: saved with every resume point.
        begun: what to go on from; None begins at the first step.
    """
    report(StageEntered(stage=Stage.ENCODING_PROMPT))
    high = _Expert(transformer=pipe.transformer, guidance=request.guidance_high_noise)
    second = getattr(pipe, "transformer_2", None)  # Animate's pipeline has no place for one
    low = _Expert(transformer=second, guidance=request.guidance_low_noise)
    boundary = _boundary(pipe)
    bring(pipe, pipe.text_encoder)
    prompt = _embed(pipe, request.prompt, "prompt")
    report(StillRunning())
    negative = None
    if max(high.guidance, low.guidance) > 1.0:
        negative = _embed(pipe, request.negative_prompt, "negative prompt")
    report(StillRunning())

    latents = _noise(pipe, request)
    conditioning = build_conditioning(pipe, request, latents, inputs)
    scheduler = build_scheduler(
        request.scheduler,
        pipe.scheduler,
        flow_shift=request.flow_shift,
        steps=request.steps,
        device=pipe.device,
        skipped=request.steps - request.denoising_steps,
    )
    if begun is not None:
        latents = begun.latents.to(pipe.device)
        write_history(scheduler, begun.history, device=pipe.device)
    elif inputs.video is not None:
        latents = add_noise(scheduler, clip_latents(pipe, request, inputs.video), latents)

    report(StageEntered(stage=Stage.DENOISING))
    transformers = [expert.transformer for expert in (high, low) if expert.transformer is not None]
    with moments_between_blocks(transformers, lambda: report(StillRunning())):
        timesteps = scheduler.timesteps[scheduler.begin_index :]
        for step in range(begun.step + 1 if begun else 1, request.denoising_steps + 1):
            t = timesteps[step - 1]
            expert = high if boundary is None or t >= boundary else low
            bring(pipe, expert.transformer)
            given = {
                "hidden_states": conditioning.model_input(latents).to(pipe.transformer.dtype),
                "timestep": conditioning.timestep(t),
                "return_dict": False,
                **conditioning.control(),
            }
            velocity = expert.transformer(**given, encoder_hidden_states=prompt)[0]
            if negative is not None and expert.guidance > 1.0:
                given |= conditioning.away()
                away = expert.transformer(**given, encoder_hidden_states=negative)[0]
                velocity = away + expert.guidance * (velocity - away)
            latents = scheduler.step(velocity, t, latents, return_dict=False)[0]

            if step == request.denoising_steps:
                latents = conditioning.finish(latents)
            if resume.is_due(step, request.denoising_steps):
                state = RunState(step=step, latents=latents, history=read_history(scheduler))
                resume.save(step, to_bytes(state, identity))
            report(StepFinished(step=step))
    return latents


def _boundary(pipe: WanPipeline) -> float | None:
    """The timestep from which on, downwards, the low-noise expert works; None where there is none."""
    ratio = pipe.config.get("boundary_ratio")
    if ratio is None:
        return None
    return float(ratio * pipe.scheduler.config.num_train_timesteps)


def _embed(pipe: WanPipeline, text: str, name: str) -> torch.Tensor:
    """UMT5's embedding of `text`, zeros after its end: (1, 512, text_dim).

    Raises:
        PromptTooLong: it has more tokens than fit; the stock pipeline would cut it off in silence.
    """
    tokens = pipe.tokenizer(
        [prompt_clean(text)], padding="max_length", max_length=MAX_TOKENS, return_tensors="pt"
    )
    length = int(tokens.attention_mask.sum())
    if length > MAX_TOKENS:
        raise PromptTooLong(f"The {name} is {length} tokens long; the model reads {MAX_TOKENS}.")
    device = pipe.text_encoder.device
    embedding: torch.Tensor = pipe.text_encoder(
        tokens.input_ids.to(device), tokens.attention_mask.to(device)
    ).last_hidden_state
    embedding = embedding.to(pipe.text_encoder.dtype)
    embedding[:, length:] = 0
    return embedding.to(pipe.device, pipe.transformer.dtype)


def _noise(pipe: WanPipeline, request: GenerationRequest) -> torch.Tensor:
    """The latents to begin with. Drawn on the CPU, the noise of a seed is that of every machine."""
    shape = (
        1,
        pipe.vae.config.z_dim,
        (request.num_frames - 1) // pipe.vae_scale_factor_temporal + 1 + len(request.references),
        request.height // pipe.vae_scale_factor_spatial,
        request.width // pipe.vae_scale_factor_spatial,
    )
    generator = torch.Generator("cpu").manual_seed(request.seed)
    noise: torch.Tensor = randn_tensor(
        shape, generator=generator, device=pipe.device, dtype=torch.float32
    )
    return noise
