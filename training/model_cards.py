"""The model card of each embedded checkpoint: what it knows, what it does not, how it was made."""

from collections.abc import Sequence

from domain.checkpoint import checkpoint_spec
from training.budgets import Budget, Stage
from training.vocabulary import MOTIONS, PALETTE, SHAPES

_LAYOUT = {
    "mini": (
        "Two experts in the layout of Wan2.2 T2V-A14B (`transformer` above the boundary of 0.875, "
        "`transformer_2` below it). Text to video."
    ),
    "mini-ti2v": (
        "One network in the layout of Wan2.2 TI2V-5B (`expand_timesteps`; a given image is the first "
        "latent frame). Text to video and image to video."
    ),
}


_EXPERTS = {
    "mini": ", then a short run for each expert",
    "mini-ti2v": ", then a short run with both",
}


def model_card(
    checkpoint: str, budget: Budget, *, measured: Sequence[str] = (), made: str = ""
) -> str:
    """Markdown for the checkpoint's README.

    Args:
        measured: lines of the table that benchmarks/semantic.py printed; none says so.
        made: how the run went, in sentences: commands, machine, time.
    """
    examples = "\n".join(f"- {prompt}" for prompt in checkpoint_spec(checkpoint).prompts)
    table = "\n".join(measured) or "Not measured yet."
    return f"""# {checkpoint}

{_LAYOUT[checkpoint]} A very small model trained from nothing on drawn clips, so that a first video
and every test can use a real Wan2.2 pipeline offline, on a CPU, in seconds.

## What it knows
One flat shape on one flat background, {budget.side_px}x{budget.side_px}, {budget.frames} frames at
{budget.fps} frames per second.

- shapes: {", ".join(SHAPES)}; how well each holds is measured below
- colours and backgrounds: {", ".join(PALETTE)}
- motions: {", ".join(MOTIONS)}
- sizes: small, medium, large; speeds: slowly, quickly

{examples}

## What it does not know
Everything else. Other words are ignored, not understood: "a cat" gives some shape. Two objects,
other sizes and other lengths were never trained. Colours too close to tell apart (red on orange)
were never drawn.

## Measured
On combinations of shape, colour, background and motion that training never saw, judged from the
decoded MP4 by `python benchmarks/semantic.py`; per cent right, with 95 % intervals. Controls use the
first of the same clips: "lost" counts those that were right as shipped, p is that of the split by chance.

{table}

## How it was made
By `python -m training`. Flow matching on {_length(budget.base_images)} frames, then {_length(budget.base_video)} clips,
three in ten with their first frame given{_EXPERTS[checkpoint]}; before that the autoencoder on {_length(budget.vae_images)}
frames, then {_length(budget.vae_video)} clips, and the text encoder on {_length(budget.text)} captions, then frozen. Weights are
float16, the text encoder float32. No data but what `training/` draws. {made or "More of the run was not recorded."}

Licence: Apache-2.0.
"""


def _length(stage: Stage) -> str:
    return f"{stage.steps * stage.batch:,}"
