"""The gate the autoencoder must pass before a transformer is worth training.

Reconstructions are the ceiling of everything that follows.
"""

import numpy as np
import torch

from training.autoencoder import load_vae
from training.budgets import Budget
from training.judge import look_at
from training.rendering import render
from training.runs import Run
from training.scenes import sample_training_scene


class GateNotPassed(RuntimeError):
    """The autoencoder loses too much; nothing that is trained on its latents could be better."""


@torch.no_grad()
def gate_autoencoder(budget: Budget, run: Run) -> None:
    """Log PSNR and the judge's accuracy on clips through the stock encoder and decoder.

    Raises:
        GateNotPassed: they are less than the budget asks.
    """
    vae = load_vae(budget, run, "vae_polish" if run.has("vae_polish") else "vae_video").eval()
    rng = np.random.default_rng(99)
    psnr, right = [], []
    for _ in range(budget.gate.clips):
        scene = sample_training_scene(rng)
        clip = render([scene], frames=budget.frames, side_px=budget.side_px, device=run.device)
        drawn = vae.decode(vae.encode(clip.pixels).latent_dist.mode()).sample
        psnr.append(-10.0 * float(((drawn - clip.pixels).square().mean() / 4.0).log10()))
        frames = ((drawn[0] + 1.0) * 127.5).round().byte().permute(1, 2, 3, 0).cpu().numpy()
        shown = look_at(frames)
        right.append([a == b for a, b in zip(shown, scene.combination, strict=True)])
    shape, colour, background, motion = np.mean(right, axis=0).tolist()
    mean_psnr = float(np.mean(psnr))
    run.log(
        "gate",
        psnr=mean_psnr,
        worst_psnr=float(np.min(psnr)),
        shape=shape,
        colour=colour,
        background=background,
        motion=motion,
    )
    if mean_psnr < budget.gate.psnr_db or shape < budget.gate.shape_share:
        raise GateNotPassed(
            f"{mean_psnr:.1f} dB and {shape:.0%} of the shapes; {budget.gate.psnr_db} dB and "
            f"{budget.gate.shape_share:.0%} are asked: train vae-images and vae-video longer"
        )
