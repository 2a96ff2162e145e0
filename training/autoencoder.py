"""Trains the video autoencoder: single frames first, then clips, then the decoder alone.

Frames first, because a batch of clips holds few colours; the clip stage starts from causal
convolutions whose past taps are zero, which is the image network exactly.
"""

from collections.abc import Callable

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from torch import Tensor

from training import vae_forward
from training.budgets import Budget, Stage
from training.networks import new_vae
from training.optimisation import Trainer
from training.rendering import Clips, render
from training.runs import Pace, Run, compiled
from training.scenes import Scene, sample_training_scene

_KL_WEIGHT = 3e-4
_RIM_WEIGHT, _OBJECT_WEIGHT = 5.0, 1.5
_GRADIENT_WEIGHT = 0.5
_POLISH_NOISE = 0.1
"""Largest noise, in units of the latents' spread, the polished decoder must forgive."""


def train_images(budget: Budget, run: Run) -> None:
    """First stage: windows of single frames."""
    vae = new_vae(budget.vae_shape).to(run.device)
    _train(vae, budget, budget.vae_images, run, name="vae_images", frames=1)


def train_video(budget: Budget, run: Run) -> None:
    """Second stage: windows of whole clips, starting from the image network."""
    vae = load_vae(budget, run, "vae_images")
    if not run.has("vae_video"):
        inflate(vae)
    _train(vae, budget, budget.vae_video, run, name="vae_video", frames=budget.crop_frames)


def polish_decoder(budget: Budget, run: Run) -> None:
    """Third stage: the decoder alone, on frozen latents with a little noise.

    The latents do not change, so this may run after the transformer has learnt them.
    """
    vae = load_vae(budget, run, "vae_video")
    vae.encoder.requires_grad_(False)
    vae.quant_conv.requires_grad_(False)
    _train(vae, budget, budget.vae_polish, run, name="vae_polish", frames=budget.crop_frames)


def load_vae(budget: Budget, run: Run, name: str) -> AutoencoderKLWan:
    """The averaged weights a stage has kept."""
    vae = new_vae(budget.vae_shape).to(run.device)
    vae.load_state_dict(run.load(name)["averaged"]["vae"])
    return vae


def at_moment(scene: Scene, moment: float) -> Scene:
    """A scene that stands still as it was at a moment from 0 to 1."""
    centre = _between(scene.start, scene.end, moment)
    radius = scene.start_radius * (scene.end_radius / scene.start_radius) ** moment
    return Scene(
        combination=scene.combination,
        size=scene.size,
        speed=scene.speed,
        rgb=scene.rgb,
        background_rgb=scene.background_rgb,
        start=centre,
        end=centre,
        start_radius=radius,
        end_radius=radius,
    )


def inflate(vae: AutoencoderKLWan) -> None:
    """Make every causal convolution ignore the past, as single frames have taught it to.

    Temporal resampling starts as "take the last frame" and "repeat the frame".
    """
    with torch.no_grad():
        for name, parameter in vae.named_parameters():
            if parameter.ndim != 5 or parameter.shape[2] != 3:
                continue
            if "time_conv" not in name:
                parameter[:, :, :2] = 0.0
                continue
            parameter.zero_()
            out, channels = parameter.shape[:2]
            identity = torch.eye(channels).repeat(out // channels, 1)
            parameter[:, :, 2, 0, 0] = identity.to(parameter)
        for name, parameter in vae.named_parameters():
            if name.endswith("time_conv.bias"):
                parameter.zero_()


def sample_windows(
    scenes: list[Scene],
    *,
    frames: int,
    budget: Budget,
    rng: np.random.Generator,
    device: torch.device,
) -> Clips:
    """Windows that mostly hold a part of the object: the only pixels worth learning from.

    Args:
        frames: 1 draws one moment of each scene, else the whole clip.
    """
    moments = rng.random(len(scenes))
    if frames == 1:
        scenes = [at_moment(scene, float(t)) for scene, t in zip(scenes, moments, strict=True)]
    spread = 0.7 * budget.crop_px
    origins = [
        np.asarray(_between(scene.start, scene.end, float(t))) * budget.vae_side_px
        - budget.crop_px / 2
        + rng.uniform(-spread, spread, 2)
        for scene, t in zip(scenes, moments, strict=True)
    ]
    return render(
        scenes,
        frames=frames,
        side_px=budget.vae_side_px,
        window_px=budget.crop_px,
        window_origin_px=torch.tensor(np.stack(origins), dtype=torch.float32),
        device=device,
    )


def _between(
    first: tuple[float, float], last: tuple[float, float], moment: float
) -> tuple[float, float]:
    return (
        first[0] + (last[0] - first[0]) * moment,
        first[1] + (last[1] - first[1]) * moment,
    )


def _train(
    vae: AutoencoderKLWan, budget: Budget, stage: Stage, run: Run, *, name: str, frames: int
) -> None:
    trainer = Trainer({"vae": vae}, stage)
    if run.has(name):
        trainer.load_state_dict(run.load(name))
    step = _polish_step(vae, run) if name == "vae_polish" else _joint_step(vae, run)
    pace = Pace()
    while not trainer.finished:
        rng = run.random(name, trainer.step_count)
        torch.manual_seed(int(rng.integers(2**31)))
        scenes = [sample_training_scene(rng) for _ in range(stage.batch)]
        clips = sample_windows(scenes, frames=frames, budget=budget, rng=rng, device=run.device)
        loss, shown = step(clips)
        trainer.step(loss)
        if pace.log_due() or trainer.finished:
            scalars = {key: float(value) for key, value in shown.items()}
            run.log(name, step=trainer.step_count, loss=float(loss.detach()), **scalars)
        if pace.save_due() or trainer.finished:
            run.save(name, trainer.state_dict())


Step = Callable[[Clips], tuple[Tensor, dict[str, Tensor]]]


def _joint_step(vae: AutoencoderKLWan, run: Run) -> Step:
    encode = compiled(vae_forward.encode_moments, run)
    decode = compiled(vae_forward.decode, run)

    def step(clips: Clips) -> tuple[Tensor, dict[str, Tensor]]:
        with run.autocast():
            mean, log_variance = encode(vae, clips.pixels)
            latents = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
            drawn = decode(vae, latents)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).mean()
        loss = _difference(drawn, clips) + _KL_WEIGHT * kl
        return loss, {"psnr": _psnr(drawn, clips.pixels), "kl": kl.detach()}

    return step


def _polish_step(vae: AutoencoderKLWan, run: Run) -> Step:
    encode = compiled(vae_forward.encode_moments, run)
    decode = compiled(vae_forward.decode, run)

    def step(clips: Clips) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.no_grad(), run.autocast():
            mean, _ = encode(vae, clips.pixels)
            spread = mean.std(dim=(0, 2, 3, 4), keepdim=True)
            amount = torch.rand(mean.shape[0], 1, 1, 1, 1, device=mean.device) * _POLISH_NOISE
            latents = mean + torch.randn_like(mean) * spread * amount
        with run.autocast():
            drawn = decode(vae, latents)
        loss = _difference(drawn, clips) + _GRADIENT_WEIGHT * _edge_difference(drawn, clips.pixels)
        return loss, {"psnr": _psnr(drawn, clips.pixels)}

    return step


def _difference(drawn: Tensor, clips: Clips) -> Tensor:
    """Weighted L1 and squared error; the rim decides the shape and is a few per cent of pixels."""
    weight = 1.0 + torch.maximum(_RIM_WEIGHT * clips.edge, _OBJECT_WEIGHT * clips.coverage)
    error = drawn - clips.pixels
    return (weight * (error.abs() + error.square())).mean()


def _edge_difference(drawn: Tensor, pixels: Tensor) -> Tensor:
    across = (drawn.diff(dim=-1) - pixels.diff(dim=-1)).abs().mean()
    return across + (drawn.diff(dim=-2) - pixels.diff(dim=-2)).abs().mean()


def _psnr(drawn: Tensor, pixels: Tensor) -> Tensor:
    error = (drawn.detach().clamp(-1.0, 1.0) - pixels).square().mean() / 4.0
    return -10.0 * error.log10()
