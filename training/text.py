"""Teaches the text encoder the grammar before any picture is drawn, then it stays frozen.

Wan's own text encoder is a pretrained one, frozen. Trained only through the pictures, a small one
stays a bag of words for long: which of two colours is the background's matters to the flow at the
very highest noise levels alone. Here every token learns to tell the whole scene, so that whatever
token the transformer attends to, the roles are already settled.
"""

import torch
from torch import Tensor, nn
from transformers import UMT5EncoderModel

from training.budgets import Budget
from training.captions import sample_caption
from training.latents import TEXT_SLOTS
from training.networks import new_text_encoder
from training.optimisation import Trainer
from training.runs import Pace, Run
from training.scenes import Scene, sample_training_scene
from training.tokenization import build_tokenizer
from training.vocabulary import MOTIONS, PALETTE, SHAPES, SIZES, SPEEDS

_ANSWERS: dict[str, tuple[str, ...]] = {
    "shape": SHAPES,
    "colour": tuple(PALETTE),
    "background": tuple(PALETTE),
    "motion": MOTIONS,
    "size": SIZES,
    "speed": SPEEDS,
}
_MINOR_WEIGHT = 0.3
"""Of size and speed, which most captions leave out."""


def train_text(budget: Budget, run: Run) -> None:
    """Every token must tell shape, colours, motion, size and speed through a linear layer."""
    torch.manual_seed(run.seed)
    tokenizer = build_tokenizer()
    encoder = new_text_encoder(budget.text_shape, tokenizer).to(run.device)
    heads = nn.ModuleDict(
        {name: nn.Linear(budget.text_shape.width, len(words)) for name, words in _ANSWERS.items()}
    ).to(run.device)
    trainer = Trainer({"text_encoder": encoder, "heads": heads}, budget.text)
    if run.has("text"):
        trainer.load_state_dict(run.load("text"))
    pace = Pace()
    while not trainer.finished:
        rng = run.random("text", trainer.step_count)
        scenes = [sample_training_scene(rng) for _ in range(budget.text.batch)]
        moves = rng.random(len(scenes)) < 0.8
        captions = [
            sample_caption(scene, rng, moves=bool(m))
            for scene, m in zip(scenes, moves, strict=True)
        ]
        tokens = tokenizer(
            captions, padding="max_length", max_length=TEXT_SLOTS - 1, return_tensors="pt"
        ).to(run.device)
        hidden = encoder(tokens.input_ids, tokens.attention_mask).last_hidden_state
        loss, shares = _answer_loss(heads, hidden, tokens.attention_mask.bool(), scenes)
        trainer.step(loss)
        if pace.log_due() or trainer.finished:
            run.log("text", step=trainer.step_count, loss=float(loss.detach()), **shares)
        if pace.save_due() or trainer.finished:
            run.save("text", trainer.state_dict())


def load_text(budget: Budget, run: Run) -> UMT5EncoderModel:
    """The frozen encoder every later stage uses."""
    encoder = new_text_encoder(budget.text_shape, build_tokenizer()).to(run.device)
    encoder.load_state_dict(run.load("text")["averaged"]["text_encoder"])
    return encoder.requires_grad_(False)


def _answer_loss(
    heads: nn.ModuleDict, hidden: Tensor, real: Tensor, scenes: list[Scene]
) -> tuple[Tensor, dict[str, float]]:
    losses, shares = [], {}
    for name, words in _ANSWERS.items():
        said = [words.index(_answer(scene, name)) for scene in scenes]
        wanted = torch.tensor(said, device=hidden.device)[:, None].expand(real.shape)[real]
        scores = heads[name](hidden[real])
        weight = _MINOR_WEIGHT if name in ("size", "speed") else 1.0
        losses.append(weight * nn.functional.cross_entropy(scores, wanted))
        shares[name] = float((scores.argmax(dim=-1) == wanted).float().mean())
    return torch.stack(losses).sum(), shares


def _answer(scene: Scene, name: str) -> str:
    if name == "size":
        return scene.size
    return scene.speed if name == "speed" else str(getattr(scene.combination, name))
