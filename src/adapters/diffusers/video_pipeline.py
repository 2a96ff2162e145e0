"""Wan through diffusers: load once, then text -> latents -> pictures for one request after another."""

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import diffusers
import torch
import transformers
from diffusers import UniPCMultistepScheduler, WanImageToVideoPipeline, WanPipeline
from transformers import UMT5EncoderModel

from adapters.diffusers.first_image import read_fitted
from adapters.diffusers.streamed_decode import decode_frames
from domain.errors import CheckpointBroken, OutOfAcceleratorMemory, PromptTooLong
from domain.generation import GenerationRequest
from domain.local_checkpoint import LocalCheckpoint
from domain.ports import video_pipeline
from domain.progress import Stage
from domain.rendering import Report, StageEntered, StepFinished
from domain.video import FrameChunk

_log = logging.getLogger(__name__)

#: Tokens that UMT5 is given; `max_sequence_length` of `WanPipeline.__call__`.
MAX_TOKENS: Final = 512


class DiffusersVideoPipeline(video_pipeline.VideoPipeline):
    """Keeps one checkpoint in memory, on the first CUDA device or on the CPU."""

    def __init__(self) -> None:
        self._pipe: WanPipeline | None = None
        self._checkpoint: LocalCheckpoint | None = None

    def generate(
        self,
        request: GenerationRequest,
        checkpoint: LocalCheckpoint,
        report: Report,
        *,
        first_image: Path | None = None,
    ) -> Iterator[FrameChunk]:
        with _accelerator_errors():
            pipe = self._ready(checkpoint)
            try:
                latents = denoise(pipe, request, checkpoint, report, first_image)
                report(StageEntered(stage=Stage.DECODING))
                for pictures in decode_frames(pipe.vae, latents):
                    yield FrameChunk(
                        rgb=pictures.numpy().data,
                        num_frames=pictures.shape[0],
                        height=pictures.shape[1],
                        width=pictures.shape[2],
                    )
            finally:
                # A run that was cut short leaves hooks and caches that would taint the next one.
                pipe.maybe_free_model_hooks()
                pipe.vae.clear_cache()

    def close(self) -> None:
        self._pipe = self._checkpoint = None
        gc.collect()  # pipelines hold reference cycles
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _ready(self, checkpoint: LocalCheckpoint) -> WanPipeline:
        if self._pipe is None or self._checkpoint != checkpoint:
            self.close()
            self._pipe = load(checkpoint)
            self._checkpoint = checkpoint
        return self._pipe


def load(checkpoint: LocalCheckpoint) -> WanPipeline:
    """Assemble the stock pipeline of a local folder: safetensors only, never from the network.

    bf16 on a GPU (with the VAE in fp32, as its authors run it), fp32 on a CPU.

    Raises:
        CheckpointBroken: diffusers or transformers cannot load it.
    """
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    bf16 = {"default": torch.bfloat16, "vae": torch.float32}
    dtypes = bf16 if device.type == "cuda" else dict.fromkeys(bf16, torch.float32)
    try:
        pipe = _TextToVideo.from_pretrained(
            checkpoint.folder,
            text_encoder=_load_text_encoder(checkpoint, dtypes["default"]),
            dtype=dtypes,
            local_files_only=True,
            use_safetensors=True,
        )
        _refuse_missing_tensors(pipe)
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:  # over a bad file each library raises its own, tokenizers a bare one
        raise CheckpointBroken(f"{checkpoint.folder} cannot be loaded: {error}") from error
    try:
        pipe.to(device)
    except torch.OutOfMemoryError as error:
        size = f"{checkpoint.weight_bytes / 2**30:.1f} GiB"
        raise OutOfAcceleratorMemory(
            f"The weights of {checkpoint.spec.id} ({size} as stored) do not fit into the accelerator."
        ) from error
    pipe.set_progress_bar_config(disable=True)
    _log.info("loaded", extra={"checkpoint": checkpoint.spec.id, "device": str(device)})
    return pipe


def _refuse_missing_tensors(pipe: WanPipeline) -> None:
    """Diffusers leaves what a file lacks on the meta device, without a value."""
    for name, part in pipe.components.items():
        if isinstance(part, torch.nn.Module) and any(p.is_meta for p in part.parameters()):
            raise ValueError(f"{name} lacks tensors")


def _load_text_encoder(checkpoint: LocalCheckpoint, dtype: torch.dtype) -> UMT5EncoderModel:
    """The text encoder, loaded apart: transformers draws the weights a file lacks at random.

    (diffusers leaves them on the meta device, and moving the model then fails.)
    """
    model, told = UMT5EncoderModel.from_pretrained(
        checkpoint.folder / "text_encoder",
        dtype=dtype,
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
    )
    if told["missing_keys"]:
        raise ValueError(f"text_encoder lacks {', '.join(sorted(told['missing_keys']))}")
    return model


class _EitherGuided:
    """Guides wherever either expert is to be guided.

    The stock pipelines look at the high-noise guidance alone: at 1 they drop the low-noise one too.
    """

    _guidance_scale: float
    _guidance_scale_2: float | None

    @property
    def do_classifier_free_guidance(self) -> bool:
        return bool(max(self._guidance_scale, self._guidance_scale_2 or 1.0) > 1.0)


class _TextToVideo(_EitherGuided, WanPipeline):  # type: ignore[misc]  # diffusers has no types
    """The pipeline a folder is loaded as."""


class _ImageToVideo(_EitherGuided, WanImageToVideoPipeline):  # type: ignore[misc]
    """The same parts, beginning with an image."""

    @classmethod
    def over(cls, pipe: WanPipeline) -> "_ImageToVideo":
        """Shares every part of `pipe`; nothing is loaded or copied."""
        return cls(
            tokenizer=pipe.tokenizer,
            text_encoder=pipe.text_encoder,
            vae=pipe.vae,
            scheduler=pipe.scheduler,
            transformer=pipe.transformer,
            transformer_2=pipe.transformer_2,
            boundary_ratio=pipe.config.boundary_ratio,
            expand_timesteps=pipe.config.expand_timesteps,
        )


@torch.no_grad()
def denoise(
    pipe: WanPipeline,
    request: GenerationRequest,
    checkpoint: LocalCheckpoint,
    report: Report,
    first_image: Path | None,
) -> torch.Tensor:
    """The request's clean latents, (1, C, T, H, W), normalised."""
    report(StageEntered(stage=Stage.ENCODING_PROMPT))
    _refuse_long(pipe, request)
    guided = max(request.guidance_high_noise, request.guidance_low_noise) > 1.0
    prompt_embeds, negative_prompt_embeds = pipe.encode_prompt(
        request.prompt,
        request.negative_prompt,
        do_classifier_free_guidance=guided,
        max_sequence_length=MAX_TOKENS,  # what `WanPipeline.__call__` uses; its helper's default is 226
    )  # (1, 512, text_dim) each
    pipe.scheduler = UniPCMultistepScheduler.from_config(
        pipe.scheduler.config, flow_shift=request.flow_shift
    )

    def on_step_end(
        _pipe: WanPipeline, index: int, _timestep: int, tensors: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        report(StepFinished(step=index + 1))
        return tensors

    given = {}
    if first_image is not None:
        pipe = _ImageToVideo.over(pipe)
        pipe.set_progress_bar_config(disable=True)
        given = {"image": read_fitted(first_image, width=request.width, height=request.height)}

    report(StageEntered(stage=Stage.DENOISING))
    two_experts = checkpoint.spec.has_two_experts
    latents: torch.Tensor = pipe(
        **given,
        prompt_embeds=prompt_embeds,
        negative_prompt_embeds=negative_prompt_embeds,
        height=request.height,
        width=request.width,
        num_frames=request.num_frames,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance_high_noise,
        guidance_scale_2=request.guidance_low_noise if two_experts else None,
        # Drawn on the CPU, the noise of a seed is the same on every machine.
        generator=torch.Generator("cpu").manual_seed(request.seed),
        output_type="latent",
        callback_on_step_end=on_step_end,
    ).frames
    return latents


def _refuse_long(pipe: WanPipeline, request: GenerationRequest) -> None:
    """The pipeline would cut a prompt off in silence."""
    for name, text in (("prompt", request.prompt), ("negative prompt", request.negative_prompt)):
        tokens = len(pipe.tokenizer(text).input_ids)
        if tokens > MAX_TOKENS:
            raise PromptTooLong(
                f"The {name} is {tokens} tokens long; the model reads {MAX_TOKENS}."
            )


@contextmanager
def _accelerator_errors() -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfAcceleratorMemory from error
