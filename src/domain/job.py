"""The life of a generation in the queue: its states, its guards, and the events it records.

queued -> running -> publishing -> completed | failed | cancelled. Terminal states are final. Every
method that an attempt calls carries the attempt's fence; a stale one raises `StaleFence` and changes
nothing. Every change records one event.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from domain.errors import IllegalTransition, NotCancellable, RenderFailed, StaleFence
from domain.generation import GenerationRequest
from domain.memory_plan import MemoryPlan
from domain.progress import Stage, progress
from domain.video import VideoFile

#: Worker deaths in a row, with no new progress in between, after which a job is not run again.
MAX_CRASHES: Final = 2
#: Times a job may be given back through no fault of its own, without new progress, until it fails.
MAX_INTERRUPTIONS: Final = 10


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PUBLISHING = "publishing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        return self in {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}


class EventKind(StrEnum):
    """What happened to a job, in the past tense but for the states it enters."""

    QUEUED = "queued"
    STARTED = "started"
    STAGE = "stage"
    STEP = "step"
    CANCEL_REQUESTED = "cancel_requested"
    REQUEUED = "requeued"
    PUBLISHING = "publishing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a job failed.

    Attributes:
        code: one of the error codes of `domain.errors`, or `quarantined`.
        retryable: whether the same request may succeed another time.
    """

    code: str
    message: str
    retryable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One thing that happened, with the job's state after it.

    Attributes:
        attempt: the fence of the attempt it happened in; 0 before the first.
        message: a sentence for people, where there is more to say than the kind.
    """

    job_id: str
    kind: EventKind
    at: datetime
    status: JobStatus
    stage: Stage | None
    step: int
    steps: int
    progress: float
    attempt: int
    message: str | None = None
    code: str | None = None


@dataclass(slots=True, kw_only=True)
class Job:
    """One generation's life.

    Attributes:
        priority: higher runs earlier; equals run in the order they came.
        fence: number of the latest attempt; grows by one per claim and never falls.
        crashes: worker deaths since an attempt last got further than any before.
        interruptions: times it was given back uncharged (a server that stopped or died), since then.
        furthest: the (stage, step) no attempt has yet passed.
        video: set once the file is whole, before it is visible.
    """

    id: str
    request: GenerationRequest
    plan: MemoryPlan
    created_at: datetime
    priority: int = 0
    status: JobStatus = JobStatus.QUEUED
    stage: Stage | None = None
    step: int = 0
    fence: int = 0
    crashes: int = 0
    interruptions: int = 0
    furthest: tuple[int, int] = (-1, 0)
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
        priority: int = 0,
    ) -> "Job":
        """A new job at the end of the queue."""
        job = cls(id=job_id, request=request, plan=plan, priority=priority, created_at=at)
        job._record(EventKind.QUEUED, at)
        return job

    @property
    def progress(self) -> float:
        """Share of the work that is done, 0 to 1."""
        match self.status:
            case JobStatus.COMPLETED:
                return 1.0
            case JobStatus.PUBLISHING:
                return 0.99
            case _ if self.stage is None:
                return 0.0
            case _:
                return progress(self.stage, step=self.step, steps=self.request.steps)

    def collect_events(self) -> Sequence[JobEvent]:
        """The events recorded since the last call, oldest first; the repository stores them."""
        events, self._events = tuple(self._events), []
        return events

    def claim(self, *, at: datetime) -> None:
        """Begin a new attempt: whoever took the job gets ready for it."""
        self._expect(JobStatus.QUEUED)
        self.status = JobStatus.RUNNING
        self.stage = Stage.LOADING
        self.fence += 1
        self.started_at = self.started_at or at
        self._record(EventKind.STARTED, at)

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
        if not max(1, self.step) <= step <= self.request.steps:
            raise RenderFailed(
                f"The renderer reported step {step} of {self.request.steps} after step {self.step}."
            )
        self.step = step
        self._note_progress()
        self._record(EventKind.STEP, at)

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

    def fail(self, failure: Failure, *, fence: int, at: datetime) -> None:
        """The attempt failed in a way that another would repeat."""
        self._expect(JobStatus.RUNNING, JobStatus.PUBLISHING, fence=fence)
        self._finish(JobStatus.FAILED, at)
        self.failure = failure
        self.video = None
        self._record(EventKind.FAILED, at, message=failure.message, code=failure.code)

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

    def worker_died(self, reason: str, *, fence: int, at: datetime) -> None:
        """The attempt's worker is gone: run again, unless it only ever kills workers.

        A job whose worker died `MAX_CRASHES` times with no new progress in between fails with the
        code `quarantined`; one that was to be cancelled is cancelled.
        """
        self._expect(JobStatus.RUNNING, fence=fence)
        if self.cancel_requested_at:
            self.cancel(fence=fence, at=at)
            return
        self.crashes += 1
        if self.crashes >= MAX_CRASHES:
            message = (
                f"The worker died {self.crashes} times without getting further. Last: {reason}"
            )
            self.fail(Failure(code="quarantined", message=message), fence=fence, at=at)
        else:
            self._requeue(reason, at, code="worker-crashed")

    def interrupt(self, reason: str, *, fence: int, at: datetime) -> None:
        """The attempt was given back through no fault of its own: run again, uncharged."""
        self._expect(JobStatus.RUNNING, JobStatus.PUBLISHING, fence=fence)
        if self.cancel_requested_at and self.status is JobStatus.RUNNING:
            self.cancel(fence=fence, at=at)
            return
        self.interruptions += 1
        if self.interruptions > MAX_INTERRUPTIONS:
            message = f"It was interrupted {self.interruptions} times. Last: {reason}"
            self.fail(
                Failure(code="interrupted", message=message, retryable=True), fence=fence, at=at
            )
        else:
            self._requeue(reason, at, code="interrupted")

    def give_back(self, reason: str, *, fence: int, at: datetime) -> None:
        """Nothing was wrong with the attempt but the place it was made in: run again, uncounted."""
        self._expect(JobStatus.RUNNING, fence=fence)
        if self.cancel_requested_at:
            self.cancel(fence=fence, at=at)
        else:
            self._requeue(reason, at, code="given-back")

    def _requeue(self, reason: str, at: datetime, *, code: str) -> None:
        self.status = JobStatus.QUEUED
        self.stage = None
        self.step = 0
        self.video = None
        self._record(EventKind.REQUEUED, at, message=reason, code=code)

    def _finish(self, status: JobStatus, at: datetime) -> None:
        self.status = status
        self.stage = None
        self.finished_at = at

    def _note_progress(self) -> None:
        assert self.stage is not None, "a step is reported within a stage"
        position = (self.stage.order, self.step)
        if position > self.furthest:
            self.furthest = position
            self.crashes = self.interruptions = 0

    def _expect(self, *statuses: JobStatus, fence: int | None = None) -> None:
        if fence is not None and fence != self.fence:
            raise StaleFence(f"Attempt {fence} reported, but attempt {self.fence} owns the job.")
        if self.status not in statuses:
            wanted = " or ".join(statuses)
            raise IllegalTransition(f"The job is {self.status}, not {wanted}.")

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
                steps=self.request.steps,
                progress=self.progress,
                attempt=self.fence,
                message=message,
                code=code,
            )
        )
