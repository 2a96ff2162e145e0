"""The life of a generation in the queue: its states, its guards, and the events it records.

queued -> running -> publishing -> completed | failed | cancelled. Terminal states are final. Every
method that an attempt calls carries the attempt's fence; a stale one raises `StaleFence` and changes
nothing. Every change records one event.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from domain.derivation import Derivation
from domain.errors import (
    DomainError,
    IllegalTransition,
    NotCancellable,
    NotRetryable,
    RenderCancelled,
    RenderFailed,
    StaleFence,
)
from domain.generation import GenerationRequest
from domain.job_event import EventKind, Failure, JobEvent, JobStatus
from domain.memory_ladder import Relief, told_of_rung
from domain.memory_plan import MemoryPlan
from domain.progress import Stage, progress
from domain.run_record import Measured, PastRun
from domain.toll import RunAgain, Toll
from domain.video import VideoFile

#: Who asks where nobody says who.
LOCAL_CLIENT: Final = "local"


@dataclass(slots=True, kw_only=True)
class Job:
    """One generation's life.

    Attributes:
        client: who asked; clients of one priority take turns.
        priority: higher runs earlier.
        preempts: whether it may stop a running job of lower priority at that one's next step.
        traceparent: of the request that asked for it, where that was part of somebody's trace.
        webhook_url: told once the job is over, besides whomever the server tells; None for nobody.
        retry_of: the failed or cancelled job that this one is asked for again.
        first_plan: that it was submitted with, where another has replaced it for lack of memory; a retry begins with it.
        made_from, made_as: the job that it was made from, or begins with a frame of, as whoever asks says; how.
        fence: number of the latest attempt; grows by one per claim and never falls.
        slot: the place that carries out the present attempt; None while there is none.
        toll: what its failed attempts add up to.
        furthest: the (stage, step) no attempt has yet passed; the step counts first (ADR-0052).
        resume_step: steps that another attempt need not repeat, as far as is known.
        furthest_saved: the most steps that were ever saved; what was rejected does not count.
        run_after: not to be started before; None for any time.
        notices: what the latest attempt had to say to whoever asked.
        measured: what the attempt that made the video took, where it made all of it.
        video: set once the file is whole, before it is visible.
    """

    id: str
    request: GenerationRequest
    plan: MemoryPlan
    created_at: datetime
    first_plan: MemoryPlan | None = None
    client: str = LOCAL_CLIENT
    priority: int = 0
    preempts: bool = False
    retry_of: str | None = None
    made_from: str | None = None
    made_as: Derivation | None = None
    traceparent: str | None = None
    webhook_url: str | None = None
    status: JobStatus = JobStatus.QUEUED
    stage: Stage | None = None
    step: int = 0
    fence: int = 0
    slot: int | None = None
    toll: Toll = field(default_factory=Toll)
    furthest: tuple[int, int] = (-1, 0)
    resume_step: int = 0
    furthest_saved: int = 0
    run_after: datetime | None = None
    notices: tuple[str, ...] = ()
    measured: Measured | None = None
    video: VideoFile | None = None
    failure: Failure | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    _events: list[JobEvent] = field(default_factory=list, repr=False, compare=False)

    @classmethod
    def submit(
        cls,
        job_id: str,
        request: GenerationRequest,
        *,
        at: datetime,
        plan: MemoryPlan,
        client: str = LOCAL_CLIENT,
        priority: int = 0,
        preempts: bool = False,
        made_from: str | None = None,
        made_as: Derivation | None = None,
        traceparent: str | None = None,
        webhook_url: str | None = None,
    ) -> "Job":
        """A new job, to wait in line."""
        job = cls(
            id=job_id,
            request=request,
            plan=plan,
            client=client,
            priority=priority,
            preempts=preempts,
            made_from=made_from,
            made_as=made_as,
            traceparent=traceparent,
            webhook_url=webhook_url,
            created_at=at,
        )
        job._record(EventKind.QUEUED, at)
        return job

    def again(self, job_id: str, *, at: datetime, traceparent: str | None = None) -> "Job":
        """A new job that asks for the same, as this one never changes again; under a trace of its own.

        Raises:
            NotRetryable: it has not failed, nor was it cancelled.
        """
        if self.status not in {JobStatus.FAILED, JobStatus.CANCELLED}:
            raise NotRetryable(f"It is {self.status}: only failed or cancelled ones are retried.")
        job = Job.submit(
            job_id,
            self.request,
            at=at,
            plan=self.first_plan or self.plan,
            client=self.client,
            priority=self.priority,
            made_from=self.made_from,
            made_as=self.made_as,
            traceparent=traceparent,
            webhook_url=self.webhook_url,
        )
        job.retry_of = self.id
        return job

    @property
    def progress(self) -> float:
        """Share of the work that is done and need not be repeated, 0 to 1."""
        match self.status:
            case JobStatus.COMPLETED:
                return 1.0
            case JobStatus.PUBLISHING:
                return 0.99
            case _:
                steps = self.request.all_steps
                return progress(self.stage, step=self.step, saved=self.resume_step, steps=steps)

    @property
    def past_run(self) -> PastRun | None:
        """What it teaches of later ones; None where it was not measured, or not planned."""
        if self.measured is None or self.plan.placement is None:
            return None
        return PastRun(
            placement=self.plan.placement,
            tokens=self.plan.tokens,
            forwards=self.plan.forwards,
            measured=self.measured,
        )

    @property
    def waited_s(self) -> float:
        """Seconds from its submission to its first attempt, by the wall clock; 0 before."""
        return (self.started_at - self.created_at).total_seconds() if self.started_at else 0.0

    def told_when_over(self, *, tells_server: bool) -> Sequence[str | None]:
        """URLs of those who are; None stands for the one that the server's settings name."""
        own = [] if self.webhook_url is None else [self.webhook_url]
        return [*own, None] if tells_server else own

    def collect_events(self) -> Sequence[JobEvent]:
        """The events recorded since the last call, oldest first; the repository stores them."""
        events, self._events = tuple(self._events), []
        return events

    def move(self, priority: int, *, at: datetime) -> None:
        """Give it another place in line; which, is the queue's to know."""
        self._expect(JobStatus.QUEUED)
        self.priority = priority
        self._record(EventKind.MOVED, at)

    def claim(self, *, at: datetime, slot: int = 0) -> None:
        """Begin a new attempt: whoever took the job gets ready for it."""
        self._expect(JobStatus.QUEUED)
        self.status = JobStatus.RUNNING
        self.stage = Stage.LOADING
        self.step = 0
        self.fence += 1
        self.slot = slot
        self.run_after = None
        self.notices = ()
        self.started_at = self.started_at or at
        self._record(EventKind.STARTED, at, message=told_of_rung(self.toll.oom_level))

    def enter_stage(self, stage: Stage, *, fence: int, at: datetime) -> None:
        """The attempt has begun `stage`."""
        self._expect(JobStatus.RUNNING, fence=fence)
        self.stage = stage
        self._note_progress()
        self._record(EventKind.STAGE, at)

    def finish_step(self, step: int, *, fence: int, at: datetime) -> None:
        """The attempt has finished `step` denoising steps.

        Raises:
            RenderFailed: the request has no such step, or it was passed before.
        """
        self._expect(JobStatus.RUNNING, fence=fence)
        self._expect_step(step, at_least=max(1, self.step))
        self.step = step
        self._note_progress()
        self._record(EventKind.STEP, at)

    def save_resume_point(self, step: int, *, fence: int, at: datetime) -> None:
        """What `step` steps made outlives the attempt; more than ever before is progress.

        Raises:
            RenderFailed: the request has no such step.
        """
        self._expect(JobStatus.RUNNING, fence=fence)
        self._expect_step(step, at_least=1)
        self.resume_step = step
        if step > self.furthest_saved:
            self.furthest_saved = step
            self.toll = self.toll.after_progress()
        self._record(EventKind.RESUME_POINT_SAVED, at)

    def resume(self, step: int, *, fence: int, at: datetime) -> None:
        """The attempt goes on after `step` steps that another had finished.

        Raises:
            RenderFailed: the request has no such step, or this attempt is past it.
        """
        self._expect(JobStatus.RUNNING, fence=fence)
        self._expect_step(step, at_least=max(1, self.step))
        self.step = self.resume_step = step
        self._record(EventKind.RESUMED, at, message=f"It goes on after step {step}.")

    def reject_resume_point(self, reason: str, *, fence: int, at: datetime) -> None:
        """The attempt cannot go on from what was saved, and begins at the first step."""
        self._expect(JobStatus.RUNNING, fence=fence)
        self.step = self.resume_step = 0
        self.toll, counts_anew = self.toll.after_rejection()
        if counts_anew:
            self.furthest_saved = 0
        self._record(EventKind.RESUME_REJECTED, at, message=reason)

    def notice(self, text: str, *, fence: int, at: datetime) -> None:
        """The attempt has something to say to whoever asked."""
        self._expect(JobStatus.RUNNING, fence=fence)
        self.notices += (text,)
        self._record(EventKind.NOTICED, at, message=text)

    def measure(self, measured: Measured, *, fence: int, at: datetime) -> None:
        """The attempt has made the whole video, and tells what that took."""
        self._expect(JobStatus.RUNNING, fence=fence)
        self.measured = measured
        self._record(EventKind.MEASURED, at)

    def begin_publishing(self, video: VideoFile, *, fence: int, at: datetime) -> None:
        """The attempt's file is durable: from here the video will appear, whatever dies.

        Unless it was to be cancelled: then it is, and the file is never seen.
        """
        self._expect(JobStatus.RUNNING, fence=fence)
        if self.cancel_requested_at:
            self.cancel(fence=fence, at=at)
            return
        self.status = JobStatus.PUBLISHING
        self.stage = None
        self.video = video
        self._record(EventKind.PUBLISHING, at)

    def complete(self, *, fence: int, at: datetime) -> None:
        """The file is in its place."""
        self._expect(JobStatus.PUBLISHING, fence=fence)
        self._finish(JobStatus.COMPLETED, at)
        self._record(EventKind.COMPLETED, at)

    def request_cancel(self, *, at: datetime) -> None:
        """Cancel now if it waits; mark it if it runs; do nothing if that was done already.

        Raises:
            NotCancellable: it is publishing, completed or failed.
        """
        if self.status is JobStatus.CANCELLED or self.cancel_requested_at:
            return
        if self.status is JobStatus.QUEUED:
            self.cancel_requested_at = at
            self._finish(JobStatus.CANCELLED, at)
            self._record(EventKind.CANCELLED, at)
        elif self.status is JobStatus.RUNNING:
            self.cancel_requested_at = at
            self._record(EventKind.CANCEL_REQUESTED, at)
        else:
            raise NotCancellable(f"The generation is already {self.status}.")

    def cancel(self, *, fence: int, at: datetime) -> None:
        """The attempt has stopped as asked."""
        self._expect(JobStatus.RUNNING, fence=fence)
        self._finish(JobStatus.CANCELLED, at)
        self._record(EventKind.CANCELLED, at)

    def end_attempt(
        self,
        error: DomainError,
        *,
        fence: int,
        at: datetime,
        jitter: float = 1.0,
        relief: Relief | None = None,
    ) -> None:
        """The attempt ended in `error`: the job runs again or fails, as its toll says.

        Whatever it was, a job that was to be cancelled is cancelled. `jitter`, `relief`: see `Toll.after`.
        """
        self._expect(JobStatus.RUNNING, JobStatus.PUBLISHING, fence=fence)
        is_unwanted = self.cancel_requested_at and self.status is JobStatus.RUNNING
        if is_unwanted or isinstance(error, RenderCancelled):
            self.cancel(fence=fence, at=at)
            return
        self.toll, verdict = self.toll.after(error, jitter=jitter, relief=relief)
        if isinstance(verdict, RunAgain):
            if relief and relief.plan != self.plan:
                self.plan, self.first_plan = relief.plan, self.first_plan or self.plan
            self._requeue(verdict, at)
        else:
            self._fail(verdict, at)

    def _requeue(self, again: RunAgain, at: datetime) -> None:
        self.status = JobStatus.QUEUED
        self.stage = None
        self.slot = None
        self.step = self.resume_step
        self.video = None
        self.run_after = at + timedelta(seconds=again.delay_s) if again.delay_s else None
        self._record(EventKind.REQUEUED, at, message=again.reason, code=again.code)

    def _fail(self, failure: Failure, at: datetime) -> None:
        self._finish(JobStatus.FAILED, at)
        self.failure = failure
        self.video = None
        self._record(EventKind.FAILED, at, message=failure.message, code=failure.code)

    def _finish(self, status: JobStatus, at: datetime) -> None:
        self.status = status
        self.stage = None
        self.slot = None
        self.finished_at = at

    def _note_progress(self) -> None:
        assert self.stage is not None, "a step is reported within a stage"
        position = (self.stage.order, self.step)
        if position[::-1] > self.furthest[::-1]:
            self.furthest = position
            self.toll = self.toll.after_progress()

    def _expect(self, *statuses: JobStatus, fence: int | None = None) -> None:
        if fence is not None and fence != self.fence:
            raise StaleFence(f"Attempt {fence} reported, but attempt {self.fence} owns the job.")
        if self.status not in statuses:
            wanted = " or ".join(statuses)
            raise IllegalTransition(f"The generation is {self.status}, not {wanted}.")

    def _expect_step(self, step: int, *, at_least: int) -> None:
        steps = self.request.all_steps
        if not at_least <= step <= steps:
            raise RenderFailed(f"The renderer sent step {step} of {steps} after step {self.step}.")

    def _record(
        self, kind: EventKind, at: datetime, *, message: str | None = None, code: str | None = None
    ) -> None:
        self._events.append(
            JobEvent(
                job_id=self.id,
                kind=kind,
                at=at,
                status=self.status,
                stage=self.stage,
                step=self.step,
                steps=self.request.all_steps,
                progress=self.progress,
                attempt=self.fence,
                checkpoint=self.request.checkpoint,
                message=message,
                code=code,
            )
        )
