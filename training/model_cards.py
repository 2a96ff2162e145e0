"""The model card of each embedded checkpoint: what it knows, what it does not, how it was made."""

from collections.abc import Sequence

from training.budgets import Budget, Stage
from training.vocabulary import MOTIONS, PALETTE, SHAPES

EXAMPLES = (
    "a red circle moving right on a blue background",
    "a yellow star growing on a purple background",
    "a white diamond moving down left on a black background",
    "a large green triangle moving up quickly on a pink background",
    "a small orange ball drifts slowly to the left over black",
    "on a gray background a cyan square slides upwards",
)
"""Shown to users as prompts to try."""

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


def model_card(checkpoint: str, budget: Budget, measured: Sequence[str]) -> str:
    """Markdown for the checkpoint's README.

    Args:
        measured: lines of the table that benchmarks/semantic.py printed; none says so.
    """
    examples = "\n".join(f"- {example}" for example in EXAMPLES)
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
decoded MP4 by `python benchmarks/semantic.py`; per cent right, with 95 % intervals.

{table}

## How it was made
`python -m training adopt captions latents-image latents-video base-images base-video high-noise low-noise
text-and-image release --budget mini --compile`: seven and a half minutes of one H100. By flow matching on
{_length(budget.base_images)} frames, then {_length(budget.base_video)} clips, three in ten with their first frame
given{_EXPERTS[checkpoint]}. The autoencoder ({_length(budget.vae_images)} frames, then {_length(budget.vae_video)} clips;
35.5 dB and every shape told right on reconstructions) and the text encoder ({_length(budget.text)} captions, then
frozen) come from two CPU cores. Weights are float16, the text encoder float32. No data but what
`training/` draws. That run measured each stage in seconds rather than steps; the steps of the budget
are those it reached.

Licence: Apache-2.0.
"""


def _length(stage: Stage) -> str:
    return f"{stage.steps * stage.batch:,}"
