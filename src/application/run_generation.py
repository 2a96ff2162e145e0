"""Server side: one attempt at one claimed job, from order to published video."""

import asyncio
import logging
import math
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import datetime
from functools import partial
from typing import Final, TypeAlias

from domain.errors import (
    Conflict,
    DeadlineExceeded,
    DomainError,
    OutOfAcceleratorMemory,
    RenderCancelled,
    RenderFailed,
    RenderSuspended,
    StorageError,
)
from domain.job import Job
from domain.job_event import JobStatus
from domain.memory_ladder import Relief
from domain.ports.artifact_store import ArtifactStore
from domain.ports.clock import Clock
from domain.ports.job_repository import JobRepository
from domain.ports.renderer import Renderer
from domain.ports.resume_store import ResumeStore
from domain.rendering import (
    Noticed,
    Previewed,
    RenderOrder,
    RenderReport,
    Resumed,
    ResumePointSaved,
    ResumeRejected,
    RunMeasured,
    StageEntered,
    StepFinished,
    StillRunning,
    VideoStaged,
)
from domain.slot import Slot
from domain.watchdog import Budgets, Watchdog

_log = logging.getLogger(__name__)

#: Seconds before the next try where the data directory could not be written.
STORAGE_RETRY_S: Final = 2.0
#: Seconds after which a video that cannot be published is given up: its job can be cancelled then, or
#: goes on from its last resume point, where only decoding is left.
PUBLISHING_PATIENCE_S: Final = 600.0

#: What to try next with the job, as an attempt left it that found the accelerator's memory full.
Relieve: TypeAlias = Callable[[Job], Awaitable[Relief]]


class RunGeneration:
    """One slot's work: follows a renderer's reports, keeps each as the job's state, publishes."""

    def __init__(
        self,
        slot: Slot,
        repository: JobRepository,
        renderer: Renderer,
        store: ArtifactStore,
        resume_store: ResumeStore,
        clock: Clock,
        budgets: Budgets,
        *,
        keep_alive_s: float = math.inf,
        relieve: Relieve | None = None,
    ) -> None:
        """Takes what follows where memory ran out; None fails the job.

        Args:
            keep_alive_s: how many seconds after its latest attempt the renderer may keep what it loaded.
        """
        self.slot = slot
        self.running: Job | None = None
        #: The present attempt's newest; nobody keeps the others.
        self.preview: Previewed | None = None
        self.fenced_out = 0
        self._repository = repository
        self._renderer = renderer
        self._store = store
        self._resume_store = resume_store
        self._clock = clock
        self._budgets = budgets
        self._keep_alive_s = keep_alive_s
        self._relieve = relieve
        #: When the latest attempt ended; None where the renderer keeps nothing.
        self._ended_at: float | None = None
        self._suspended_for: DomainError | None = None
        self._is_cancelled = False
        self.count_waiting_from_now()

    def count_waiting_from_now(self) -> None:
        """Hold it against no job that it waited before: nobody could have come for it."""
        self._serving_since = self._clock.monotonic()

    async def execute(self, claimed: Job) -> DomainError | None:
        """Bring the attempt to its end: completed, failed, cancelled or given back.

        Being cancelled itself (the server hurries) gives the job back, uncharged.

        Returns:
            What it ended in; None where the video is published.
        """
        self.running, self._suspended_for, self._is_cancelled = claimed, None, False
        self.preview = None
        try:
            return await self._carry_out(claimed)
        except asyncio.CancelledError:
            await self._give_back_at_once(claimed)
            raise
        finally:
            self.running = self.preview = None
            self._ended_at = self._clock.monotonic()

    async def give_back_if_idle(self) -> None:
        """Where nothing was rendered for long enough, have the renderer keep nothing. Never while one runs."""
        if self._ended_at is None:
            return
        if self._clock.monotonic() - self._ended_at >= self._keep_alive_s:
            self._ended_at = None
            self.slot.note_unloaded()
            _log.info("idle: memory given back", extra={"slot": self.slot.number})
            await self._renderer.close()

    async def suspend(self, reason: DomainError) -> None:
        """Hand the present job back at the end of its step; `reason` is what its attempt ends in."""
        if self.running is not None and self._suspended_for is None:
            self._suspended_for = reason
            await self._renderer.suspend(self.running.id)

    async def cancel(self, job_id: str) -> None:
        """Stop that job, wherever its attempt is; nothing happens if it does not run here."""
        if self.running is not None and self.running.id == job_id:
            self._is_cancelled = True
            await self._renderer.cancel(job_id)

    async def end(self, claimed: Job, error: DomainError) -> DomainError:
        """Keep that the attempt ended in `error`, however long the data directory cannot be written."""
        relief: Relief | None = None
        if isinstance(error, OutOfAcceleratorMemory):
            try:
                relief = await self._relief(claimed)
            except DomainError as told:  # there is none, or it cannot be found now
                error = told
        at, jitter = self._clock.now(), random.random()  # noqa: S311 - a delay, not a secret

        def change(job: Job) -> None:
            job.end_attempt(error, fence=claimed.fence, at=at, jitter=jitter, relief=relief)

        await self._insist(lambda: self._end(claimed, change))
        return error

    async def _carry_out(self, claimed: Job) -> DomainError | None:
        try:
            await self._render(claimed)
        except Conflict as error:
            # A newer attempt owns the job, or it ended meanwhile: what this one knows is void.
            self._fenced_out(claimed, error)
            return error
        except DomainError as error:
            return await self.end(claimed, self._meaning(error))
        return None

    async def _relief(self, claimed: Job) -> Relief | None:
        job = await self._repository.get(claimed.id)
        is_ours = job.fence == claimed.fence and job.status is JobStatus.RUNNING
        return await self._relieve(job) if self._relieve is not None and is_ours else None

    async def _render(self, claimed: Job) -> None:
        order = RenderOrder(
            job_id=claimed.id,
            fence=claimed.fence,
            request=claimed.request,
            placement=claimed.plan.placement,
            rung=claimed.toll.oom_level,
        )
        # What was asked between the claim and here, no renderer could have heard of.
        if (await self._repository.get(claimed.id)).cancel_requested_at or self._is_cancelled:
            raise RenderCancelled
        if self._suspended_for is not None:
            raise RenderSuspended
        self._refuse_what_waited_too_long(claimed)
        job = await self._follow(order)
        if job.status is JobStatus.PUBLISHING:
            await self._publish(job)
        else:  # cancelled, when the video was already whole
            await self._clear(job)

    def _refuse_what_waited_too_long(self, claimed: Job) -> None:
        """By both clocks: one of them may have been set, the other begins anew with each server."""
        served_s = self._clock.monotonic() - self._serving_since
        if claimed.fence == 1 and min(claimed.waited_s, served_s) > self._budgets.wait_s:
            raise DeadlineExceeded(
                f"It waited in line for longer than {self._budgets.wait_s:g} s (watchdog.wait_s)."
            )

    async def _follow(self, order: RenderOrder) -> Job:
        """Keep every report until the video is staged. Returns the job as it is then."""
        now, segments = self._clock.monotonic(), order.request.segments.count
        watchdog = Watchdog(self._budgets, now=now, segments=segments)
        async with aclosing(self._renderer.render(order)) as reports:
            while report := await self._next(reports, watchdog):
                if isinstance(report, Previewed):
                    self.preview = report
                    continue
                if isinstance(report, StillRunning):
                    continue
                job = await self._keep(order, report)
                if job.status is not JobStatus.RUNNING:
                    return job
                if job.cancel_requested_at:
                    await self._renderer.cancel(job.id)
        raise RenderFailed("The renderer ended without a video.")

    async def _next(
        self, reports: AsyncGenerator[RenderReport, None], watchdog: Watchdog
    ) -> RenderReport | None:
        """The next report; None after the last."""
        allowed_s = watchdog.remaining_s(now=self._clock.monotonic())
        try:
            async with asyncio.timeout(allowed_s):
                report = await anext(reports, None)
        except TimeoutError as error:  # leaving the renderer's iterator kills the worker
            raise watchdog.verdict from error
        if report is not None:
            watchdog.note(report, now=self._clock.monotonic())
        return report

    async def _keep(self, order: RenderOrder, report: RenderReport) -> Job:
        at = self._clock.now()
        return await self._repository.update(
            order.job_id, lambda job: _note(job, report, order.fence, at)
        )

    async def _publish(self, job: Job) -> None:
        assert job.video is not None, "publishing begins with a staged video"
        publish = partial(self._store.publish, job.id, job.fence, sha256=job.video.sha256)
        await self._insist(lambda: asyncio.to_thread(publish), for_s=PUBLISHING_PATIENCE_S)
        at = self._clock.now()
        await self._insist(lambda: self._end(job, lambda job: job.complete(fence=job.fence, at=at)))

    async def _insist(
        self, deed: Callable[[], Awaitable[object]], *, for_s: float = math.inf
    ) -> None:
        """Do it, however long the data directory cannot be written, but for `for_s` at the most."""
        until = self._clock.monotonic() + for_s
        while True:
            try:
                await deed()
            except StorageError as error:
                if self._clock.monotonic() >= until:
                    raise
                _log.error("cannot write", extra={"reason": error.message})
                await asyncio.sleep(STORAGE_RETRY_S)
            else:
                return

    async def _end(self, claimed: Job, change: Callable[[Job], None]) -> None:
        """Keep the attempt's end and clear what it staged."""
        try:
            job = await self._repository.update(claimed.id, change)
        except Conflict as error:
            self._fenced_out(claimed, error)
            return
        await self._clear(job)
        _log.info(
            "attempt ended",
            extra={"job_id": job.id, "attempt": claimed.fence, "status": job.status},
        )

    async def _clear(self, job: Job) -> None:
        """Remove what nobody will need: what the attempt staged and, once the job is over, its resume point.

        By now another attempt may be writing. What cannot be removed, the next start removes.

        Args:
            job: as the attempt left it.
        """
        discard = partial(self._store.discard, job.id, fence=job.fence)
        try:
            await asyncio.to_thread(discard)
            if job.status.is_terminal:
                await asyncio.to_thread(self._resume_store.discard, job.id)
        except StorageError as error:
            _log.warning("not cleared", extra={"job_id": job.id, "reason": error.message})

    async def _give_back_at_once(self, claimed: Job) -> None:
        """Give it back unless its video is whole (the next start only has to publish that).

        Where even that cannot be written, the next start does it.
        """
        at = self._clock.now()

        def change(job: Job) -> None:
            if job.status is JobStatus.RUNNING:
                stopped = RenderSuspended("The server stopped.")
                job.end_attempt(stopped, fence=claimed.fence, at=at)

        try:
            await self._repository.update(claimed.id, change)
        except (StorageError, Conflict) as error:
            _log.warning("not given back", extra={"job_id": claimed.id, "reason": error.message})

    def _meaning(self, error: DomainError) -> DomainError:
        """Why it was suspended, where it was; the renderer does not know."""
        if isinstance(error, RenderSuspended) and self._suspended_for is not None:
            return self._suspended_for
        return error

    def _fenced_out(self, claimed: Job, error: Conflict) -> None:
        self.fenced_out += 1
        _log.warning(
            "fenced out",
            extra={"job_id": claimed.id, "attempt": claimed.fence, "reason": error.message},
        )


def _note(  # noqa: C901 - a branch for each kind
    job: Job, report: RenderReport, fence: int, at: datetime
) -> None:
    """What `report` means for the job; to it, `StillRunning` and `Previewed` mean nothing."""
    match report:
        case StageEntered(stage=stage):
            job.enter_stage(stage, fence=fence, at=at)
        case StepFinished(step=step):
            job.finish_step(step, fence=fence, at=at)
        case ResumePointSaved(step=step):
            job.save_resume_point(step, fence=fence, at=at)
        case Resumed(step=step):
            job.resume(step, fence=fence, at=at)
        case ResumeRejected(reason=reason):
            job.reject_resume_point(reason, fence=fence, at=at)
        case Noticed(text=text):
            job.notice(text, fence=fence, at=at)
        case RunMeasured(measured=measured):
            job.measure(measured, fence=fence, at=at)
        case VideoStaged(video=video):
            job.begin_publishing(video, fence=fence, at=at)
