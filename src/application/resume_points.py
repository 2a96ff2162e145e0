"""When a run saves what it has made: often enough to lose little, seldom enough to cost nothing."""

import logging
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from domain.errors import RenderSuspended, StorageError
from domain.ports.clock import Clock
from domain.ports.resume_store import ResumeStore
from domain.rendering import RenderOrder, Report, Resumed, ResumePointSaved, ResumeRejected
from domain.resume import ResumePoints

_log = logging.getLogger(__name__)

#: `auto`, or every how many steps.
Interval: TypeAlias = Literal["auto"] | int

#: What `auto` waits for: both these seconds and this share of the run, measured by its own steps.
MIN_INTERVAL_S: Final = 60.0
MIN_INTERVAL_SHARE: Final = 0.1


class KeepResumePoints:
    """Gives each run its access to its job's resume point."""

    def __init__(self, store: ResumeStore, clock: Clock, interval: Interval = "auto") -> None:
        self._store = store
        self._clock = clock
        self._interval = interval

    def begin(
        self, order: RenderOrder, report: Report, wants_out: Callable[[], bool]
    ) -> ResumePoints:
        """The access of one run, which begins now.

        Args:
            report: told of every point that is saved, gone on from, or refused.
            wants_out: whether the run was asked to hand its job back.
        """
        return _OfOneRun(
            store=self._store,
            order=order,
            report=report,
            wants_out=wants_out,
            pace=_Pace(self._clock, self._interval),
        )


class _OfOneRun:
    """A `ResumePoints` over the store."""

    def __init__(
        self,
        *,
        store: ResumeStore,
        order: RenderOrder,
        report: Report,
        wants_out: Callable[[], bool],
        pace: "_Pace",
    ) -> None:
        self._store = store
        self._order = order
        self._report = report
        self._wants_out = wants_out
        self._pace = pace

    def load(self) -> bytes | None:
        self._pace.begin()
        try:
            return self._store.read(self._order.job_id)
        except StorageError as error:
            self.reject(error.message)
            return None

    def accept(self, step: int) -> None:
        self._pace.go_on_after(step)
        _log.info("resumed", extra={"job_id": self._order.job_id, "step": step})
        self._report(Resumed(step=step))

    def reject(self, reason: str) -> None:
        _log.warning("not resumed", extra={"job_id": self._order.job_id, "reason": reason})
        self._report(ResumeRejected(reason=reason))

    def is_due(self, step: int, steps: int) -> bool:
        return step == steps or self._wants_out() or self._pace.is_due(step, steps)

    def save(self, step: int, state: bytes) -> None:
        self._pace.note_save()
        try:
            self._store.keep(self._order.job_id, self._order.fence, state)
        except StorageError as error:
            # The video can still be made; only a crash would cost more now.
            reason = error.message
            _log.error("not saved", extra={"job_id": self._order.job_id, "reason": reason})
            if self._wants_out():
                raise RenderSuspended from error
        else:
            self._report(ResumePointSaved(step=step))


class _Pace:
    """When the next point is due, by the clock or by the count of steps."""

    def __init__(self, clock: Clock, interval: Interval) -> None:
        self._clock = clock
        self._interval = interval
        self._first_step = 0
        self.begin()

    def begin(self) -> None:
        """What the run loses in a crash is made from now on."""
        self._began = self._saved = self._clock.monotonic()

    def go_on_after(self, step: int) -> None:
        self._first_step = step

    def note_save(self) -> None:
        self._saved = self._clock.monotonic()

    def is_due(self, step: int, steps: int) -> bool:
        if self._interval != "auto":
            return step % self._interval == 0
        now = self._clock.monotonic()
        whole_run_s = (now - self._began) / (step - self._first_step) * steps
        return now - self._saved >= max(MIN_INTERVAL_S, MIN_INTERVAL_SHARE * whole_run_s)
