"""The stages of a run, and how far along a job is.

The shares are of a typical run's seconds. They only shape the progress bar.
"""

from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    """What a running job is doing, in the order it does it."""

    LOADING = "loading"
    ENCODING_PROMPT = "encoding_prompt"
    DENOISING = "denoising"
    DECODING = "decoding"
    ENCODING_VIDEO = "encoding_video"

    @property
    def order(self) -> int:
        return list(Stage).index(self)


_SHARE: Final = {
    Stage.LOADING: 0.05,
    Stage.ENCODING_PROMPT: 0.03,
    Stage.DENOISING: 0.80,
    Stage.DECODING: 0.10,
    Stage.ENCODING_VIDEO: 0.02,
}


def progress(stage: Stage | None, *, step: int, steps: int, saved: int = 0) -> float:
    """Share of the run that is done, 0 to 1, once `step` of `steps` denoising steps are.

    A run that goes on from an earlier one has done them before it denoises, and `saved` says how many it finds;
    one in several segments goes through the stages with each. No stage: it waits.
    """
    is_before = stage is None or stage.order < Stage.DENOISING.order
    if is_before:
        step = max(step, saved)
    if step and (is_before or step < steps):
        stage = Stage.DENOISING
    if stage is None:
        return 0.0
    before = sum(share for other, share in _SHARE.items() if other.order < stage.order)
    within = _SHARE[stage] * step / steps if stage is Stage.DENOISING else 0.0
    return round(before + within, 4)
