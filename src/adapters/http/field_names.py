"""What the two APIs call the same field, where they differ."""

from collections.abc import Mapping, Sequence
from typing import Final

#: By the domain's name.
OPENAIS_NAMES: Final[Mapping[str, str]] = {
    "checkpoint": "model",
    "width": "size",
    "height": "size",
    "steps": "num_inference_steps",
    "guidance_high_noise": "guidance_scale",
    "guidance_low_noise": "guidance_scale_2",
    "image": "input_reference",
}


def called_elsewhere(name: str) -> Sequence[str]:
    """What the other API calls that field; nothing where both call it the same, or know none."""
    ours = [ours for ours, theirs in OPENAIS_NAMES.items() if theirs == name]
    return ours or [theirs for ours, theirs in OPENAIS_NAMES.items() if ours == name]
