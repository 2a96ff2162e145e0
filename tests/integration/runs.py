"""One request through our own loop and through a stock pipeline, to be compared bit for bit."""

import inspect
from collections.abc import Mapping
from typing import Any, Final

import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler,
)
from PIL import Image

from adapters.diffusers.denoising import denoise
from adapters.diffusers.given_frames import read_clip_frames
from adapters.diffusers.loras import LoraStack
from adapters.diffusers.prompts import Prompts
from adapters.diffusers.run_state import RunState
from adapters.diffusers.streamed_decode import decode_frames, to_rgb
from domain.generation import GenerationRequest
from domain.inputs import NO_INPUTS, InputFiles
from domain.rendering import RenderProgress, Report
from tests.fakes.resume_points import FakeResumePoints

#: Pixels a side, of the tiny structure's face encoder.
FACE_SIDE: Final = 16


def unheard(_progress: RenderProgress) -> None:
    """Nobody listens."""


def our_latents(
    pipe: Any,
    request: GenerationRequest,
    inputs: InputFiles = NO_INPUTS,
    *,
    report: Report = unheard,
    begun: RunState | None = None,
    resume: FakeResumePoints | None = None,
) -> torch.Tensor:
    """What our loop makes."""
    return denoise(
        pipe,
        request,
        report,
        resume or FakeResumePoints(),
        prompts=Prompts(pipe, load_encoder=lambda: None),
        identity={},
        begun=begun,
        inputs=inputs,
        loras=LoraStack(pipe),
    )


def run_stock(
    pipe: Any,
    request: GenerationRequest,
    inputs: InputFiles = NO_INPUTS,
    *,
    output_type: str = "latent",
    scheduler: Any = None,
    **more: Any,
) -> Any:
    """The `frames` that `__call__` gives.

    Args:
        scheduler: the request's, set as a user would set it, unless another is meant.
        more: what only this pipeline takes.
    """
    own, pipe.scheduler = pipe.scheduler, scheduler or stock_scheduler(pipe, request)
    has_two = getattr(pipe.config, "boundary_ratio", None)
    arguments = {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "width": request.width,
        "height": request.height,
        "num_frames": request.num_frames,
        "num_inference_steps": request.steps,
        "guidance_scale": request.guidance_high_noise,
        "guidance_scale_2": request.guidance_low_noise if has_two else None,
    }
    taken = inspect.signature(pipe.__call__).parameters
    frames = pipe(
        **{name: value for name, value in arguments.items() if name in taken},
        **_pictures(inputs),
        **more,
        generator=torch.Generator().manual_seed(request.seed),
        output_type=output_type,
    ).frames
    pipe.scheduler = own
    return frames


def _pictures(inputs: InputFiles) -> Mapping[str, Any]:
    paths = {"image": inputs.image, "last_image": inputs.last_image}
    return {name: Image.open(path).convert("RGB") for name, path in paths.items() if path}


def performed(request: GenerationRequest, inputs: InputFiles) -> dict[str, Any]:
    """What `WanAnimatePipeline` alone takes."""
    pose, face = inputs.control_video, inputs.face_video
    assert pose is not None
    assert face is not None
    return {
        "image": Image.open(inputs.references[0]),
        "pose_video": list(read_clip_frames(pose, request)),
        "face_video": list(read_clip_frames(face, request, (FACE_SIDE, FACE_SIDE))),
        "segment_frame_length": request.segments.num_frames,
    }


def stock_scheduler(pipe: Any, request: GenerationRequest) -> Any:
    """The request's, set as a user of diffusers would set it."""
    stored, shift = pipe.scheduler.config, request.flow_shift
    return {
        "unipc": lambda: UniPCMultistepScheduler.from_config(stored, flow_shift=shift),
        "euler": lambda: FlowMatchEulerDiscreteScheduler(shift=shift),
        "dpm++": lambda: DPMSolverMultistepScheduler.from_config(stored, flow_shift=shift),
        "distilled": lambda: _EvenlySpaced(shift=shift),
    }[request.scheduler]()


class _EvenlySpaced(FlowMatchEulerDiscreteScheduler):  # type: ignore[misc]  # of an untyped library
    """As users of step-distilled weights set it: the pipelines have no argument for the sigmas."""

    def set_timesteps(self, steps: int, device: Any = None) -> None:
        sigmas = [index / steps for index in range(steps, 0, -1)]
        super().set_timesteps(sigmas=sigmas, device=device)


def decoded(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """Our frames of normalised latents: uint8, (F, H, W, 3)."""
    return torch.cat([to_rgb(pictures) for pictures in decode_frames(vae, latents)])
