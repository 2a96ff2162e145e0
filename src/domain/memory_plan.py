"""What a generation will need, known before it is queued.

So far: what is exact. Weights come from the files' own headers, latents and tokens from the model's
shape. Peak memory and seconds are not predicted yet, and so are not here.
"""

from dataclasses import dataclass

from domain.generation import GenerationRequest
from domain.local_checkpoint import LocalCheckpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """The size of one generation.

    Attributes:
        weight_bytes: the checkpoint's weights as stored, exact.
        latent_shape: (C, T, H, W).
        tokens: what one forward of the transformer attends over.
        forwards: transformer forwards of the whole run; guidance above 1 doubles a step.
    """

    weight_bytes: int
    latent_shape: tuple[int, int, int, int]
    tokens: int
    forwards: int


def plan_memory(request: GenerationRequest, checkpoint: LocalCheckpoint) -> MemoryPlan:
    """The plan of `request` on the files of `checkpoint`."""
    geometry = checkpoint.spec.geometry
    size = {
        # A reference is a latent frame of its own, before the video's.
        "num_frames": request.num_frames + geometry.temporal_stride * len(request.references),
        "height": request.height,
        "width": request.width,
    }
    guided = max(request.guidance_high_noise, request.guidance_low_noise) > 1.0
    return MemoryPlan(
        weight_bytes=checkpoint.weight_bytes,
        latent_shape=geometry.latent_shape(**size),
        tokens=geometry.tokens(**size),
        forwards=request.denoising_steps * (2 if guided else 1),
    )
