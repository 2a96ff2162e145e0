"""Looking at a video while it is made: how often, and at what price."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from domain.progress import Stage
from domain.rendering import Previewed, RenderProgress, Report, StageEntered
from domain.video import FrameChunk

#: Of the time that a run has denoised, what its previews may have taken.
SHARE: Final = 0.01
#: Seconds that the first one is taken to need: a run gets none before a hundred times as long.
_FIRST_S: Final = 0.005


class EncodePreview(Protocol):
    """Small pictures to a small file."""

    def __call__(self, frames: FrameChunk, *, duration_s: float) -> bytes:
        """An animated WebP that lasts `duration_s`, of at most 30 KB."""


class PreviewPace:
    """When a run may be looked at again. `now`: seconds of a clock that never falls, here and below."""

    def __init__(self, *, interval_s: float, now: float) -> None:
        """Begins with the denoising. `interval_s`: from one preview to the next, at least."""
        self._interval_s = interval_s
        self._began = now
        self._latest_at = -math.inf
        self._latest_s = _FIRST_S
        self._spent_s = 0.0

    def is_due(self, *, now: float) -> bool:
        """Whether one that takes as long as the latest leaves their share at 1 %."""
        is_wanted = now - self._latest_at >= self._interval_s
        return is_wanted and self._spent_s + self._latest_s <= SHARE * (now - self._began)

    def note(self, *, began: float, now: float) -> None:
        """One was made between the two."""
        self._latest_s = now - began
        self._spent_s += self._latest_s
        self._latest_at = began


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewMaking:
    """How previews are made. `interval_s`: seconds from one to the next, at least."""

    encode: EncodePreview
    interval_s: float
    monotonic: Callable[[], float] = time.monotonic


class RunPreviews:
    """One run's: all that the run reports goes through here."""

    def __init__(self, making: PreviewMaking, report: Report, *, duration_s: float) -> None:
        """Takes `duration_s`, of the video that is made."""
        self._making = making
        self._report = report
        self._duration_s = duration_s
        self._pace: PreviewPace | None = None  # none is due before the denoising begins

    def report(self, progress: RenderProgress) -> None:
        """Tell it. Raises whatever the report that was given raises."""
        self._report(progress)
        if isinstance(progress, StageEntered) and progress.stage is Stage.DENOISING:
            now = self._making.monotonic()
            self._pace = PreviewPace(interval_s=self._making.interval_s, now=now)

    def look(self, step: int, frames: Callable[[], FrameChunk]) -> None:
        """Report what `frames` gives as it is after `step`, if it is time for that."""
        began = self._making.monotonic()
        if self._pace is None or not self._pace.is_due(now=began):
            return
        image = self._making.encode(frames(), duration_s=self._duration_s)
        self._pace.note(began=began, now=self._making.monotonic())
        self._report(Previewed(step=step, image=image))
