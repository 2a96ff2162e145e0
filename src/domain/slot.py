"""A place where jobs run, one at a time, and whether it can be trusted with the next."""

from collections.abc import Set as AbstractSet
from typing import Final

from domain.errors import (
    AcceleratorFault,
    DomainError,
    NoProgress,
    WorkerCrashed,
    WorkerUnavailable,
)
from domain.heat import Heat

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
#: Each trial that fails doubles that, up to these.
MAX_COOL_OFF_S: Final = 14_400.0


class Slot:
    """One worker's place, mostly one accelerator.

    A fault is a worker that hung, died or could not be started, or an accelerator that failed. Twice
    with the same job is that job's doing; with two jobs in a row, and nothing finished in between, it is
    the slot's. A slot that rested is tried with one job, and rests twice as long if that fails. All
    times are seconds of a clock that never falls.
    """

    def __init__(
        self, number: int, heat: Heat | None = None, *, spare_for: AbstractSet[str] | None = None
    ) -> None:
        """Takes what its worker shares with others.

        Args:
            heat: of its accelerator; slots may share one, and None has none.
            spare_for: checkpoints. A spare slot takes jobs for these alone, and only those for which no
                other is free (ADR-0050); None: it is no spare one.
        """
        self.number = number
        self.heat = heat
        self.spare_for = spare_for
        self.loaded: str | None = None
        self._problem: str | None = None
        self._fault: tuple[float, str | None] | None = None
        self._shunned_until = 0.0
        self._rests = 0  # since it was last trusted
        self._claimed: str | None = None
        self._favours = 0

    @property
    def problem(self) -> str | None:
        """Why nothing is started here; None where something is."""
        return self._problem or (self.heat.problem if self.heat else None)

    @property
    def is_spare(self) -> bool:
        return self.spare_for is not None

    def takes(self, checkpoint: str) -> bool:
        """Whether a job for `checkpoint` may ever be started here."""
        return self.spare_for is None or checkpoint in self.spare_for

    @property
    def favourite(self) -> str | None:
        """The checkpoint whose jobs may go first here, as it is loaded; None: the line alone decides."""
        return self.loaded if self._favours < MAX_FAVOURS else None

    def note_claim(self, checkpoint: str) -> None:
        """A job for `checkpoint` was claimed, `favourite` ones first.

        Counted as a favour whether or not it headed the line: the bound holds without knowing that.
        """
        self._favours = self._favours + 1 if checkpoint == self.favourite else 0
        self._claimed, self.loaded = checkpoint, None  # until a video shows that it is loaded

    def note_unloaded(self) -> None:
        """Nothing is loaded here any more."""
        self.loaded = None

    def may_work(self, *, now: float) -> bool:
        """Whether a job may be started here."""
        if self.heat is not None and self.heat.is_held(now=now):
            return False
        return self._problem is None or now >= self._shunned_until

    def note_end(self, job_id: str, error: DomainError | None, *, now: float) -> bool:
        """An attempt has ended here. Returns whether that made the slot unhealthy.

        Args:
            error: what it ended in; None where its video was made.
        """
        if not isinstance(error, NoProgress | WorkerCrashed | AcceleratorFault | WorkerUnavailable):
            if error is None:
                self.loaded = self._claimed
                self.forgive()
            return False
        blamed = None if isinstance(error, WorkerUnavailable) else job_id
        before, self._fault = self._fault, (now, blamed)
        is_on_trial = self._problem is not None
        if not is_on_trial and not _is_second(before, blamed, now):
            return False
        cool_off_s = min(COOL_OFF_S * 2**self._rests, MAX_COOL_OFF_S)
        self._rests += 1
        self._shunned_until = now + cool_off_s
        failed = "again" if is_on_trial else f"twice within {FAULT_WINDOW_S / 60:g} minutes"
        self._problem = (
            f"Slot {self.number} failed {failed} and rests for {cool_off_s / 60:g} minutes; its "
            f"generations wait. Last: {error.message} Look at the accelerator (nvidia-smi, the kernel's log), then "
            "resume the queue."
        )
        return True

    def forgive(self) -> None:
        """Trust it again: it has finished a job, or somebody has looked after it."""
        self._problem = self._fault = None
        self._rests = 0


def _is_second(before: tuple[float, str | None] | None, blamed: str | None, now: float) -> bool:
    """Whether the fault `before` and one now make two, neither of them one job's own doing."""
    if before is None or now - before[0] > FAULT_WINDOW_S:
        return False
    return blamed is None or before[1] != blamed
