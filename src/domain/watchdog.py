"""How long a run may go without getting further before its worker is taken for hung."""

from dataclasses import dataclass
from typing import Final

from domain.errors import DeadlineExceeded, NoProgress, RenderError
from domain.progress import Stage
from domain.rendering import (
    RenderProgress,
    RenderReport,
    StageEntered,
    StepFinished,
    StillRunning,
)

#: Seconds in which one `StillRunning` is as good as many: small beside every budget, and no load on a pipe.
MOMENT_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """Seconds that each part of a run may go on without anything of it being done.

    `step_s`: from one transformer block to the next, or the step's end; a step has dozens. `decoding_s`: from one
    picture or tile to the next. `run_s`: an attempt as a whole, however well it gets on, for each segment of its
    video. `wait_s`: in line, until the first attempt.
    The figures are generous on purpose: the largest checkpoint from a slow disk, on a slow card.
    Source: reliability reference, GPU fault ladder; for the blocks, ADR-0060.
    """

    loading_s: float = 900.0
    encoding_prompt_s: float = 300.0
    step_s: float = 300.0
    decoding_s: float = 1200.0
    encoding_video_s: float = 600.0
    run_s: float = 4 * 3600.0
    wait_s: float = 7 * 24 * 3600.0


class Watchdog:
    """Follows one run's reports. Progress counts, not signs of life: a hung kernel lives, too.

    A moment between two blocks is progress: the host is held close to the accelerator there, so that none comes
    while a kernel hangs (ADR-0060).
    """

    def __init__(self, budgets: Budgets, *, now: float, segments: int = 1) -> None:
        """Begins with the run's loading. `now`: seconds of a clock that never falls, as everywhere here."""
        self._budgets = budgets
        self._run_s = budgets.run_s * segments
        self._stage = Stage.LOADING
        self._began = self._since = now

    def note(self, report: RenderReport, *, now: float) -> None:
        """The run has told `report`."""
        if isinstance(report, StageEntered):
            self._stage = report.stage
        if isinstance(report, StageEntered | StepFinished | StillRunning):
            self._since = now

    @property
    def budget_s(self) -> float:
        """Seconds that what is being done may go on without progress."""
        match self._stage:
            case Stage.LOADING:
                return self._budgets.loading_s
            case Stage.ENCODING_PROMPT:
                return self._budgets.encoding_prompt_s
            case Stage.DENOISING:
                return self._budgets.step_s
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


class Moments:
    """Which of a run's reports are worth telling another process: all, but of its moments one in a while."""

    def __init__(self, *, now: float) -> None:
        """Begins with the run. `now`: as for `Watchdog`."""
        self._told_at = now

    def is_worth_telling(self, progress: RenderProgress, *, now: float) -> bool:
        """Whether it is, at that time; what is, is taken to be told."""
        if isinstance(progress, StillRunning) and now - self._told_at < MOMENT_S:
            return False
        self._told_at = now
        return True
