"""What a job's failed attempts add up to, and what becomes of the job then: the one table of it."""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from domain import errors
from domain.errors import DomainError
from domain.job_event import Failure
from domain.memory_ladder import Relief

#: Worker deaths in a row, with no new progress in between, after which a job is not run again.
MAX_CRASHES: Final = 2
#: Times a job may be given back through no fault of its own, without new progress, until it fails.
MAX_INTERRUPTIONS: Final = 10
#: Times a job may find its weights absent or unreadable, a pause apart, until it fails: an hour at least.
MAX_ABSENCES: Final = 60
#: Failures of its own that another attempt might not repeat; the last one is final.
MAX_FAILURES: Final = 3
#: Times a job may be tried with less, after the accelerator's memory was full, until it fails (ADR-0059).
MAX_RELIEFS: Final = 12
#: Resume points that may be rejected until what is saved anew no longer counts as progress.
MAX_FORGIVEN_REJECTIONS: Final = 2
#: Longest wait before the attempt after the first and the second failure, in seconds.
BACKOFF_S: Final = (10.0, 60.0)
#: Seconds a job waits after the disk, or weights that are not there, kept it from going on.
STORAGE_PAUSE_S: Final = 60.0
#: Seconds a job waits after the accelerator failed under it: another one shows meanwhile whose doing it was.
FAULT_PAUSE_S: Final = 60.0
#: No job waits longer than this for its next attempt; a clock that says otherwise was set back.
LONGEST_WAIT_S: Final = max(*BACKOFF_S, STORAGE_PAUSE_S, FAULT_PAUSE_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAgain:
    """The job goes back into the line, for `delay_s` seconds at least."""

    reason: str
    code: str
    delay_s: float = 0.0


Verdict: TypeAlias = RunAgain | Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Toll:
    """The counters.

    Attributes:
        crashes: worker deaths since an attempt last got further than any before.
        interruptions: times it was given back uncharged (a server that stopped or died, an accelerator
            that failed), since then.
        absences: times its weights were not there or could not be read, since then.
        failures: attempts that failed by themselves in a way that another might not.
        oom_level: the rung that it is on, for lack of accelerator memory; see `domain.memory_ladder`.
        reliefs: times that it was to be tried with less, for the same lack.
        rejections: resume points of its own that it could not go on from.
    """

    crashes: int = 0
    interruptions: int = 0
    absences: int = 0
    failures: int = 0
    oom_level: int = 0
    reliefs: int = 0
    rejections: int = 0

    def after_progress(self) -> "Toll":
        """An attempt got further than any before: what killed the others was not the job."""
        return replace(self, crashes=0, interruptions=0, absences=0)

    def after_rejection(self) -> tuple["Toll", bool]:
        """What was saved is lost. Also, whether saving the same steps anew will count as progress.

        Not for ever: or a job that kills its workers and has its points rejected would never end.
        """
        toll = replace(self, rejections=self.rejections + 1)
        return toll, toll.rejections <= MAX_FORGIVEN_REJECTIONS

    def after(
        self, error: DomainError, *, jitter: float, relief: Relief | None = None
    ) -> tuple["Toll", Verdict]:
        """What the attempt's end in `error` adds, and what becomes of the job.

        Args:
            relief: from memory that ran out, if that is the error; None where there is none.
            jitter: 0 to 1, drawn by the caller: the share of the longest backoff that it waits, so
                that jobs which failed together do not come back together.
        """
        match error:
            case errors.RenderSuspended() | errors.OutputMissing():
                return self._interrupted(error, code="interrupted")
            case errors.AcceleratorFault():
                return self._interrupted(error, code=error.code, delay_s=FAULT_PAUSE_S)
            case errors.Preempted() | errors.WorkerUnavailable():
                return self, RunAgain(reason=error.message, code=error.code)
            case errors.StorageError():
                pause = RunAgain(reason=error.message, code=error.code, delay_s=STORAGE_PAUSE_S)
                return self, pause
            case errors.CheckpointUnavailable():
                return self._without_weights(error)
            case errors.WorkerCrashed() | errors.NoProgress():
                return self._crashed(error)
            case errors.OutOfAcceleratorMemory():
                return self._out_of_memory(error, relief)
            case _:
                return self._failed(error, jitter)

    def _crashed(self, error: DomainError) -> tuple["Toll", Verdict]:
        toll = replace(self, crashes=self.crashes + 1)
        if toll.crashes < MAX_CRASHES:
            return toll, RunAgain(reason=error.message, code=error.code)
        times = f"The worker died {toll.crashes} times without getting further."
        return toll, Failure(code="quarantined", message=f"{times} Last: {error.message}")

    def _interrupted(
        self, error: DomainError, *, code: str, delay_s: float = 0.0
    ) -> tuple["Toll", Verdict]:
        toll = replace(self, interruptions=self.interruptions + 1)
        if toll.interruptions <= MAX_INTERRUPTIONS:
            return toll, RunAgain(reason=error.message, code=code, delay_s=delay_s)
        times = f"It was interrupted {toll.interruptions} times without getting further."
        message = f"{times} Last: {error.message}"
        return toll, Failure(code=code, message=message, retryable=True)

    def _without_weights(self, error: DomainError) -> tuple["Toll", Verdict]:
        toll = replace(self, absences=self.absences + 1)
        if toll.absences <= MAX_ABSENCES:
            pause = RunAgain(reason=error.message, code=error.code, delay_s=STORAGE_PAUSE_S)
            return toll, pause
        return toll, Failure(code=error.code, message=error.message, retryable=True)

    def _out_of_memory(self, error: DomainError, relief: Relief | None) -> tuple["Toll", Verdict]:
        if relief is None:
            failure = Failure(code=error.code, message=error.message, violations=error.violations)
            return self, failure
        if self.reliefs < MAX_RELIEFS:
            toll = replace(self, oom_level=relief.rung, reliefs=self.reliefs + 1)
            return toll, RunAgain(reason=relief.told, code=error.code)
        times = f"The accelerator's memory was full {self.reliefs + 1} times, whatever was tried."
        return self, Failure(code=error.code, message=f"{times} Last: {error.message}")

    def _failed(self, error: DomainError, jitter: float) -> tuple["Toll", Verdict]:
        toll = replace(self, failures=self.failures + 1)
        if error.retryable and toll.failures < MAX_FAILURES:
            delay_s = jitter * BACKOFF_S[toll.failures - 1]
            return toll, RunAgain(reason=error.message, code=error.code, delay_s=delay_s)
        return toll, Failure(code=error.code, message=error.message, retryable=error.retryable)
