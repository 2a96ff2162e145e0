"""How long a run may go without getting further before its worker is taken for hung."""

from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import Final

from domain.errors import DeadlineExceeded, NoProgress, RenderError
from domain.progress import Stage
from domain.rendering import RenderReport, StageEntered, StepFinished

#: A step may take this many times as long as the run's own steps did so far.
_SLACK: Final = 10.0
#: Steps that the median is taken over.
_REMEMBERED: Final = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """Seconds that each part of a run may take at the most; `step_s` where steps are quick.

    `run_s`: an attempt as a whole, however well it gets on, for each segment of its video. `wait_s`: in line, until the first attempt.
    The figures are generous on purpose: the largest checkpoint from a slow disk, on a slow card.
    Source: reliability reference, GPU fault ladder.
    """

    loading_s: float = 900.0
    encoding_prompt_s: float = 300.0
    step_s: float = 300.0
    decoding_s: float = 1200.0
    encoding_video_s: float = 600.0
    run_s: float = 4 * 3600.0
    wait_s: float = 7 * 24 * 3600.0


class Watchdog:
    """Follows one run's reports. Progress counts, not signs of life: a hung kernel lives, too."""

    def __init__(self, budgets: Budgets, *, now: float, segments: int = 1) -> None:
        """Begins with the run's loading. `now`: seconds of a clock that never falls, as everywhere here."""
        self._budgets = budgets
        self._run_s = budgets.run_s * segments
        self._stage = Stage.LOADING
        self._began = self._since = now
        self._step_seconds: deque[float] = deque(maxlen=_REMEMBERED)

    def note(self, report: RenderReport, *, now: float) -> None:
        """The run has told `report`."""
        if isinstance(report, StepFinished):
            self._step_seconds.append(now - self._since)
        elif isinstance(report, StageEntered):
            self._stage = report.stage
        else:
            return
        self._since = now

    @property
    def budget_s(self) -> float:
        """Seconds that what is being done may take."""
        match self._stage:
            case Stage.LOADING:
                return self._budgets.loading_s
            case Stage.ENCODING_PROMPT:
                return self._budgets.encoding_prompt_s
            case Stage.DENOISING:
                measured = median(self._step_seconds) if self._step_seconds else 0.0
                return max(self._budgets.step_s, _SLACK * measured)
            case Stage.DECODING:
                return self._budgets.decoding_s
            case Stage.ENCODING_VIDEO:
                return self._budgets.encoding_video_s

    def remaining_s(self, *, now: float) -> float:
        """Seconds until the run must have got further, or be over; 0 once it should."""
        return max(0.0, min(self._since + self.budget_s, self._over_at) - now)

    @property
    def verdict(self) -> RenderError:
        """What the run has ended in when nothing of it remains."""
        if self._over_at > self._since + self.budget_s:
            return NoProgress(self.complaint)
        return DeadlineExceeded(
            f"The run took longer than {self._run_s:g} s (watchdog.run_s), and was ended."
        )

    @property
    def _over_at(self) -> float:
        return self._began + self._run_s

    @property
    def complaint(self) -> str:
        """What to say when it has not."""
        doing = "a denoising step" if self._stage is Stage.DENOISING else str(self._stage)
        return (
            f"The worker made no progress for {self.budget_s:g} s during {doing}, and was killed."
        )
