"""Trains the transformers by flow matching, exactly as Wan samples them.

x_t = (1 - s) x0 + s noise; the network predicts noise - x0 at timestep 1000 s. The base learns
pictures, then clips, over all noise levels, some with their first frame given. The two experts of
`mini` and the network of `mini-ti2v` are short runs from it. The text encoder is frozen.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from diffusers import WanTransformer3DModel
from torch import Tensor
from transformers import UMT5EncoderModel

from training import transformer_forward
from training.budgets import Budget, Stage
from training.export import BOUNDARY_RATIO
from training.latents import Batch, load_captioned
from training.networks import FLOW_SHIFT, new_transformer
from training.optimisation import Trainer
from training.runs import Pace, Run, compiled
from training.text import load_text

_LOWEST_LEVEL = 0.04
"""Levels are drawn above this (before the shift): twenty steps never go below."""
_IMAGE_GIVEN_SHARE = 0.3
_TEXT_LENGTHS = (512, 512, 512, 226)
"""Padded lengths the pipeline may be run with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRun:
    """One training run of a transformer.

    Attributes:
        start: the run whose weights it starts from; absent for random ones.
        levels: lowest and highest noise level before the shift, 0 to 1.
        moves: clips or single frames.
        gives_image: whether some clips have their first latent frame given.
    """

    name: str
    stage: Stage
    start: str | None
    levels: tuple[float, float] = (_LOWEST_LEVEL, 1.0)
    moves: bool = True
    gives_image: bool = False


def train_base_images(budget: Budget, run: Run) -> None:
    """Shapes, colours, sizes and words, on single frames: a fifth of a clip's cost."""
    stage = budget.base_images
    flow = FlowRun(name="base_images", stage=stage, start=None, moves=False)
    _train(flow, budget, run)


def train_base_video(budget: Budget, run: Run) -> None:
    """Motion, on clips, over all noise levels; some have their first frame given."""
    stage = budget.base_video
    flow = FlowRun(name="base_video", stage=stage, start="base_images", gives_image=True)
    _train(flow, budget, run)


def train_high_noise(budget: Budget, run: Run) -> None:
    """The expert above the boundary: what is where, and where it goes."""
    levels = (_before_shift(BOUNDARY_RATIO), 1.0)
    stage = budget.high_noise
    _train(FlowRun(name="high_noise", stage=stage, start="base_video", levels=levels), budget, run)


def train_low_noise(budget: Budget, run: Run) -> None:
    """The expert below the boundary: outlines."""
    levels = (_LOWEST_LEVEL, _before_shift(BOUNDARY_RATIO))
    stage = budget.low_noise
    _train(FlowRun(name="low_noise", stage=stage, start="base_video", levels=levels), budget, run)


def train_text_and_image(budget: Budget, run: Run) -> None:
    """The one network of the other layout: all noise levels, some first frames given."""
    stage = budget.text_and_image
    flow = FlowRun(name="text_and_image", stage=stage, start="base_video", gives_image=True)
    _train(flow, budget, run)


def load_flow(budget: Budget, run: Run, name: str) -> WanTransformer3DModel:
    """The averaged weights a run has kept."""
    transformer = _new(budget)
    transformer.load_state_dict(run.load(name)["averaged"]["transformer"])
    return transformer


def _new(budget: Budget) -> WanTransformer3DModel:
    return new_transformer(
        budget.transformer_shape,
        latent_channels=budget.vae_shape.latent_channels,
        text_width=budget.text_shape.width,
    )


def _train(flow: FlowRun, budget: Budget, run: Run) -> None:
    torch.manual_seed(run.seed)
    text_encoder = load_text(budget, run)
    transformer = load_flow(budget, run, flow.start) if flow.start else _new(budget)
    transformer.to(run.device)
    trainer = Trainer({"transformer": transformer}, flow.stage)
    if run.has(flow.name):
        trainer.load_state_dict(run.load(flow.name))
    latents = load_captioned(run, moves=flow.moves)
    step = _flow_step(flow, transformer, text_encoder, run)
    pace, losses = Pace(), []
    while not trainer.finished:
        rng = run.random(flow.name, trainer.step_count)
        torch.manual_seed(int(rng.integers(2**31)))
        loss = step(latents.sample(flow.stage.batch))
        trainer.step(loss)
        losses.append(loss.detach())  # read only when logged: reading waits for the GPU
        if pace.log_due() or trainer.finished:
            mean = float(torch.stack(losses).mean())
            run.log(flow.name, step=trainer.step_count, loss=mean)
            losses.clear()
        if pace.save_due() or trainer.finished:
            run.save(flow.name, trainer.state_dict())


def _flow_step(
    flow: FlowRun, transformer: WanTransformer3DModel, text_encoder: UMT5EncoderModel, run: Run
) -> Callable[[Batch], Tensor]:
    one_block = compiled(transformer_forward.block, run)

    def step(batch: Batch) -> Tensor:
        clean = batch.latents
        noise = torch.randn_like(clean)
        level = _levels(clean.shape[0], flow.levels, clean.device)  # (B,)
        per_frame = level[:, None].repeat(1, clean.shape[2])  # (B, T)
        if flow.gives_image:
            given = torch.rand(clean.shape[0], device=clean.device) < _IMAGE_GIVEN_SHARE
            per_frame[:, 0] *= ~given
        s = per_frame[:, None, :, None, None]
        bias = transformer_forward.padding_bias(
            batch.token_counts,
            slots=batch.token_ids.shape[1],
            padded_to=_TEXT_LENGTHS[int(torch.randint(len(_TEXT_LENGTHS), ()))],
        )
        text = encode_text(text_encoder, batch)
        with run.autocast():
            predicted = transformer_forward.velocity(
                transformer,
                (1.0 - s) * clean + s * noise,
                1000.0 * per_frame,
                text,
                bias,
                one_block=one_block,
            )
        error = (predicted - (noise - clean)).square()
        return (error * (s > 0)).sum() / ((s > 0).expand_as(error).sum())

    return step


@torch.no_grad()
def encode_text(text_encoder: UMT5EncoderModel, batch: Batch) -> Tensor:
    """(B, L, D), zero after each text's end, as the pipeline makes it."""
    places = torch.arange(batch.token_ids.shape[1], device=batch.token_ids.device)
    mask = (places[None] < batch.token_counts[:, None]).long()
    hidden = text_encoder(batch.token_ids, mask).last_hidden_state
    return hidden.float() * mask[..., None]


def _levels(count: int, bounds: tuple[float, float], device: torch.device) -> Tensor:
    """Noise levels after the shift, spread evenly over the batch."""
    even = (torch.randperm(count, device=device) + torch.rand(count, device=device)) / count
    drawn = bounds[0] + (bounds[1] - bounds[0]) * even
    return FLOW_SHIFT * drawn / (1.0 + (FLOW_SHIFT - 1.0) * drawn)


def _before_shift(level: float) -> float:
    """The inverse of the shift: s = shift u / (1 + (shift - 1) u)."""
    return level / (FLOW_SHIFT - (FLOW_SHIFT - 1.0) * level)
