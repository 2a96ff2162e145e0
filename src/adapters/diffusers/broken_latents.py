"""Whether a run still makes anything: numbers that are none, or all the same, become no video."""

import math

import torch
from diffusers.models.attention_dispatch import _AttentionBackendRegistry

from domain.errors import LatentsBroken


def refuse_broken(latents: torch.Tensor, *, step: int, steps: int, guilty: torch.nn.Module) -> None:
    """Find that `latents`, after `step` of `steps`, may become a video. Waits for the GPU once.

    Args:
        guilty: the transformer that made the step.

    Raises:
        LatentsBroken: they are not finite, or all alike.
    """
    spread = latents.std().item()  # not finite where any of them is not
    if math.isfinite(spread) and spread > 0.0:
        return
    problem = "all alike" if spread == 0.0 else "no finite numbers any more"
    backend = _AttentionBackendRegistry.get_active_backend()[0]
    dtype = str(guilty.dtype).removeprefix("torch.")
    raise LatentsBroken(
        f"After step {step} of {steps} the latents are {problem}. The transformer computed in {dtype} "
        f"with the attention backend {backend.value}: try another of either, or other guidance."
    )
