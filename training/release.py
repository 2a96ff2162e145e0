"""Puts the best trained parts together and writes the two embedded checkpoints.

Stages that have not run yet are stood in for by what they start from, so that a release can be
made at any time.
"""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKLWan
from transformers import UMT5EncoderModel

from training.autoencoder import load_vae
from training.budgets import Budget
from training.export import Networks, export, write_manifest
from training.flow import load_flow
from training.model_cards import model_card
from training.runs import Run
from training.text import load_text
from training.tokenization import build_tokenizer

CHECKPOINTS = ("mini", "mini-ti2v")


def release(budget: Budget, run: Run, target: Path) -> None:
    """Write both folders; nobody has measured them yet."""
    for checkpoint in CHECKPOINTS:
        networks = _assembled(budget, run, two_experts=checkpoint == "mini")
        card = model_card(checkpoint, budget)
        export(networks, target / checkpoint, checkpoint=checkpoint, card=card)
        run.log("release", checkpoint=checkpoint)


def write_cards(budget: Budget, target: Path, figures: Path) -> None:
    """Tell what was measured of the released folders, and how they were made.

    Args:
        figures: a JSON object, "made" in sentences and a table's lines by checkpoint, as
            `benchmarks/semantic.py --figures` keeps them.
    """
    told = json.loads(figures.read_text(encoding="utf-8"))
    for checkpoint in CHECKPOINTS:
        card = model_card(
            checkpoint, budget, measured=told.get(checkpoint, ()), made=told.get("made", "")
        )
        (target / checkpoint / "README.md").write_text(card, encoding="utf-8")
        write_manifest(target / checkpoint, checkpoint=checkpoint)


def adopt(run: Run, target: Path) -> None:
    """Take the released autoencoder and text encoder as this run's own.

    Both are frozen while the transformers learn, so these can be trained anew on their own.

    Raises:
        FileExistsError: the run has trained one of them itself.
    """
    for name in ("vae_video", "text"):
        if run.has(name):
            raise FileExistsError(
                f"{run.path(name)} is this run's own: remove it to adopt another."
            )
    vae = AutoencoderKLWan.from_pretrained(target / CHECKPOINTS[0] / "vae", dtype=torch.float32)
    encoder = UMT5EncoderModel.from_pretrained(target / CHECKPOINTS[0] / "text_encoder")
    run.save("vae_video", {"averaged": {"vae": vae.state_dict()}})
    run.save("text", {"averaged": {"text_encoder": encoder.state_dict()}})
    run.log("adopt", target=target.name)


def _assembled(budget: Budget, run: Run, *, two_experts: bool) -> Networks:
    base = _first_of(run, "base_video", "base_images")
    parts = ("high_noise", "low_noise") if two_experts else ("text_and_image",)
    transformers = [load_flow(budget, run, _first_of(run, part, base)) for part in parts]
    return Networks(
        vae=_vae(budget, run),
        text_encoder=_text_encoder(budget, run),
        tokenizer=build_tokenizer(),
        transformer=transformers[0].cpu(),
        low_noise=transformers[1].cpu() if two_experts else None,
    )


def _text_encoder(budget: Budget, run: Run) -> UMT5EncoderModel:
    encoder = load_text(budget, run)
    encoder.cpu()
    return encoder


def _vae(budget: Budget, run: Run) -> AutoencoderKLWan:
    vae = load_vae(budget, run, _first_of(run, "vae_polish", "vae_video"))
    statistics = run.load("latents_statistics")
    vae.register_to_config(
        latents_mean=[round(value, 5) for value in statistics["mean"].tolist()],
        latents_std=[round(value, 5) for value in statistics["std"].tolist()],
    )
    return vae.cpu()


def _first_of(run: Run, *names: str) -> str:
    for name in names:
        if run.has(name):
            return name
    raise FileNotFoundError(f"none of the stages {', '.join(names)} has run in {run.folder}")
