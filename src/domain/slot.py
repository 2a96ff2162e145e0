"""A place where jobs run, one at a time, and whether it can be trusted with the next."""

from typing import Final

from domain.errors import DomainError, NoProgress, WorkerUnavailable

#: Jobs in a row that may go before the head of the line because the slot has their checkpoint loaded.
#: A load may take as long as a short video. With four, a line of two checkpoints in turn costs one load
#: for five videos instead of one for each, and whoever heads the line waits for four jobs at the most.
MAX_FAVOURS: Final = 4
#: Places of the line, from its head, in which such a job is looked for: beyond them it has not come near
#: its turn, and looking stays a few index entries however long the line is.
FAVOUR_REACH: Final = 32
#: Two faults within this many seconds make a slot unhealthy.
FAULT_WINDOW_S: Final = 600.0
#: Seconds after which an unhealthy slot is tried again with one job.
COOL_OFF_S: Final = 600.0


class Slot:
    """One worker's place, mostly one accelerator.

    A fault is a worker that hung or could not be started. The same job hanging twice is that job's
    doing, and quarantines it; two jobs in a row, with nothing finished in between, are the slot's.
    All times are seconds of a clock that never falls.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.problem: str | None = None
        self._fault: tuple[float, str | None] | None = None
        self._shunned_until = 0.0
        self._claimed: str | None = None
        self._loaded: str | None = None
        self._favours = 0

    @property
    def favourite(self) -> str | None:
        """The checkpoint whose jobs may go first here, as it is loaded; None: the line alone decides."""
        return self._loaded if self._favours < MAX_FAVOURS else None

    def note_claim(self, checkpoint: str) -> None:
        """A job for `checkpoint` was claimed, `favourite` ones first.

        Counted as a favour whether or not it headed the line: the bound holds without knowing that.
        """
        self._favours = self._favours + 1 if checkpoint == self.favourite else 0
        self._claimed, self._loaded = checkpoint, None  # until a video shows that it is loaded

    def may_work(self, *, now: float) -> bool:
        """Whether a job may be started here."""
        return self.problem is None or now >= self._shunned_until

    def note_end(self, job_id: str, error: DomainError | None, *, now: float) -> bool:
        """An attempt has ended here. Returns whether that made the slot unhealthy.

        Args:
            error: what it ended in; None where its video was made.
        """
        if not isinstance(error, NoProgress | WorkerUnavailable):
            if error is None:
                self._loaded = self._claimed
                self.forgive()
            return False
        blamed = job_id if isinstance(error, NoProgress) else None
        before, self._fault = self._fault, (now, blamed)
        is_on_trial = self.problem is not None
        if not is_on_trial and not _is_second(before, blamed, now):
            return False
        self._shunned_until = now + COOL_OFF_S
        self.problem = (
            f"Slot {self.number} failed twice within {FAULT_WINDOW_S / 60:g} minutes and rests for "
            f"{COOL_OFF_S / 60:g}; its jobs wait. Last: {error.message} Look at the accelerator "
            "(nvidia-smi, the kernel's log), then resume the queue."
        )
        return True

    def forgive(self) -> None:
        """Trust it again: it has finished a job, or somebody has looked after it."""
        self.problem = self._fault = None


def _is_second(before: tuple[float, str | None] | None, blamed: str | None, now: float) -> bool:
    """Whether the fault `before` and one now make two, neither of them one job's own doing."""
    if before is None or now - before[0] > FAULT_WINDOW_S:
        return False
    return blamed is None or before[1] != blamed
