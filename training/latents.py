"""Encodes scenes ahead of the transformer's training, and serves them with captions.

Drawing a caption takes a CPU longer than a GPU takes to learn from it, so a few of each scene's
are drawn and tokenized ahead too.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training import vae_forward
from training.autoencoder import at_moment, load_vae
from training.budgets import Budget
from training.captions import sample_caption, sample_unconditional
from training.rendering import render
from training.runs import Pace, Run, compiled
from training.scenes import Scene, sample_training_scene
from training.tokenization import build_tokenizer

TEXT_SLOTS = 32
_ENCODE_PIXELS = {"cpu": 8 * 17 * 128 * 128, "cuda": 96 * 17 * 128 * 128}
"""Pixels per encoding batch: a few hundred MB of activations, a few GB on a GPU."""
_UNCONDITIONAL_SHARE = 0.1
_CAPTIONS = 4
"""Per scene."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Normalised latents with their captions' tokens.

    Attributes:
        latents: (B, C, T, H, W) float32.
        token_ids: (B, TEXT_SLOTS), zero after each text's end.
        token_counts: (B,).
    """

    latents: Tensor
    token_ids: Tensor
    token_counts: Tensor


class CaptionedLatents:
    """Encoded scenes and their captions in memory.

    Args:
        latents: (N, C, T, H, W).
        token_ids: (N, captions, TEXT_SLOTS).
        statistics: the latents' "mean" and "std" per channel.
    """

    def __init__(self, latents: Tensor, token_ids: Tensor, statistics: dict[str, Tensor]):
        mean, std = (statistics[key].view(1, -1, 1, 1, 1) for key in ("mean", "std"))
        self._latents, self._mean, self._std = latents, mean, std
        self._token_ids = token_ids

    def sample(self, count: int) -> Batch:
        """Random scenes, each with one of its captions; torch's own generator draws."""
        device = self._latents.device
        rows = torch.randint(len(self._latents), (count,), device=device)
        which = torch.randint(self._token_ids.shape[1], (count,), device=device)
        token_ids = self._token_ids[rows, which].long()
        return Batch(
            latents=(self._latents[rows].float() - self._mean) / self._std,
            token_ids=token_ids,
            token_counts=(token_ids > 0).sum(dim=1),
        )


def draw_captions(budget: Budget, run: Run) -> None:
    """Tokens of a few captions per scene; one in ten says nothing, for guidance without a prompt."""
    for name, count, moves in (
        ("captions_image", budget.image_latents, False),
        ("captions_video", budget.video_latents, True),
    ):
        if run.has(name):
            continue
        rng = run.random(name)
        captions = [
            _caption(scene, rng, moves=moves)
            for scene in _scenes(run, count, moves=moves)
            for _ in range(_CAPTIONS)
        ]
        tokens = build_tokenizer()(
            captions,
            padding="max_length",
            max_length=TEXT_SLOTS - 1,
            truncation=True,
            return_tensors="pt",
        )
        token_ids = torch.nn.functional.pad(tokens.input_ids, (0, 1)).to(torch.uint8)
        run.save(name, {"token_ids": token_ids.view(count, _CAPTIONS, TEXT_SLOTS)})
        run.log(name, captions=len(captions))


def _caption(scene: Scene, rng: np.random.Generator, *, moves: bool) -> str:
    if rng.random() < _UNCONDITIONAL_SHARE:
        return sample_unconditional(rng)
    return sample_caption(scene, rng, moves=moves)


def encode_images(budget: Budget, run: Run) -> None:
    """Encode one moment of each scene."""
    _encode(budget, run, name="latents_image", count=budget.image_latents, frames=1)


def encode_videos(budget: Budget, run: Run) -> None:
    """Encode whole clips and measure the latents' mean and spread per channel."""
    _encode(budget, run, name="latents_video", count=budget.video_latents, frames=budget.frames)
    if run.has("latents_statistics"):
        return
    latents = run.load("latents_video")["latents"][:1024].float()
    std, mean = torch.std_mean(latents, dim=(0, 2, 3, 4))
    run.save("latents_statistics", {"mean": mean, "std": std})
    run.log("latents", mean_of_std=float(std.mean()), largest_mean=float(mean.abs().max()))


def load_captioned(run: Run, *, moves: bool) -> CaptionedLatents:
    """Clips when `moves`, else single frames."""
    kind = "video" if moves else "image"
    latents = run.load(f"latents_{kind}")["latents"]
    token_ids = run.load(f"captions_{kind}")["token_ids"]
    return CaptionedLatents(latents, token_ids, run.load("latents_statistics"))


def _scenes(run: Run, count: int, *, moves: bool) -> list[Scene]:
    """The first scenes of the run's endless list of clips, or of its list of single frames."""
    drawn = []
    for index in range(count):
        rng = run.random("clips" if moves else "frames", index)
        scene = sample_training_scene(rng)
        drawn.append(scene if moves else at_moment(scene, float(rng.random())))
    return drawn


@torch.no_grad()
def _encode(budget: Budget, run: Run, *, name: str, count: int, frames: int) -> None:
    vae = load_vae(budget, run, "vae_video").eval()
    side, stride = budget.side_px // 8, 4
    shape = (count, budget.vae_shape.latent_channels, (frames - 1) // stride + 1, side, side)
    half = f"{name}_half"
    if run.has(name):
        return
    state = run.load(half) if run.has(half) else {"done": 0, "latents": None}
    latents = state["latents"]
    if latents is None:
        latents = torch.empty(shape, dtype=torch.bfloat16, device=run.device)
    scenes, pace = _scenes(run, count, moves=frames > 1), Pace()
    batch = max(1, _ENCODE_PIXELS[run.device.type] // (frames * budget.side_px**2))
    encode = compiled(vae_forward.encode_moments, run)
    for begin in range(state["done"], count, batch):
        clips = render(
            scenes[begin : begin + batch],
            frames=frames,
            side_px=budget.side_px,
            device=run.device,
        )
        with run.autocast():
            mean, _ = encode(vae, clips.pixels)
        latents[begin : begin + batch] = mean.bfloat16()
        if pace.log_due():
            run.log(name, done=begin + batch, of=count)
        if pace.save_due():
            run.save(half, {"done": begin + batch, "latents": latents})
    run.save(name, {"latents": latents})
    run.path(half).unlink(missing_ok=True)
    run.log(name, done=count, of=count)
