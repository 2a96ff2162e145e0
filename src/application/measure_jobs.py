"""Count what happens to jobs, by reading what was written down of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from application.follow_log import FollowLog
from domain.job_event import EventKind, JobEvent, JobStatus
from domain.ports.clock import Clock
from domain.ports.event_log import EventLog
from domain.ports.job_metrics import JobMetrics
from domain.ports.job_repository import JobRepository

_PUBLISHING: Final = "publishing"
#: What an event of an earlier version does not say.
_UNKNOWN: Final = "unknown"


@dataclass(slots=True, kw_only=True)
class _Attempt:
    """One that goes on. `heard_s`: by the monotonic clock; all else by the events' own."""

    checkpoint: str
    stage: str
    stage_at: datetime
    step_at: datetime | None = None
    saved_at: datetime
    heard_s: float


class MeasureJobs(FollowLog):
    """Tells the metrics of each event. ADR-0041."""

    def __init__(
        self, event_log: EventLog, repository: JobRepository, metrics: JobMetrics, clock: Clock
    ) -> None:
        super().__init__(event_log)
        self._repository = repository
        self._metrics = metrics
        self._clock = clock
        self._attempts: dict[str, _Attempt] = {}

    def silence_s(self, job_id: str) -> float | None:
        """Seconds since an attempt at it last reported anything; None while none is known."""
        attempt = self._attempts.get(job_id)
        return None if attempt is None else self._clock.monotonic() - attempt.heard_s

    async def _note(self, event: JobEvent) -> None:
        if (attempt := self._attempts.get(event.job_id)) is not None:
            attempt.heard_s = self._clock.monotonic()
        match event.kind:
            case EventKind.QUEUED:
                self._metrics.submitted(event.checkpoint or _UNKNOWN)
            case EventKind.STARTED:
                await self._note_start(event)
            case EventKind.REQUEUED:
                self._note_return(event)
            case EventKind.COMPLETED | EventKind.FAILED | EventKind.CANCELLED:
                await self._note_end(event)
            case _ if attempt is not None:
                self._note_progress(attempt, event)

    async def _note_start(self, event: JobEvent) -> None:
        checkpoint = event.checkpoint or _UNKNOWN
        if event.attempt == 1:
            job = await self._repository.get(event.job_id)
            self._metrics.began(checkpoint, waited_s=max(job.waited_s, 0.0))
        self._attempts[event.job_id] = _Attempt(
            checkpoint=checkpoint,
            stage=event.stage or _UNKNOWN,
            stage_at=event.at,
            saved_at=event.at,
            heard_s=self._clock.monotonic(),
        )

    def _note_progress(self, attempt: _Attempt, event: JobEvent) -> None:
        match event.kind:
            case EventKind.STAGE if event.stage is not None:
                self._enter(attempt, event.stage, event.at)
            case EventKind.PUBLISHING:
                self._enter(attempt, _PUBLISHING, event.at)
            case EventKind.STEP:
                since = attempt.step_at or attempt.stage_at
                self._metrics.step_ended(attempt.checkpoint, took_s=_seconds(since, event.at))
                attempt.step_at = event.at
            case EventKind.RESUME_POINT_SAVED:
                attempt.saved_at = event.at
            case EventKind.RESUMED | EventKind.RESUME_REJECTED:
                self._metrics.resumed(is_rejected=event.kind is EventKind.RESUME_REJECTED)

    def _enter(self, attempt: _Attempt, stage: str, at: datetime) -> None:
        if stage != attempt.stage:
            self._leave(attempt, at)
            attempt.stage, attempt.stage_at = stage, at

    def _leave(self, attempt: _Attempt, at: datetime) -> None:
        took_s = _seconds(attempt.stage_at, at)
        self._metrics.stage_ended(attempt.checkpoint, attempt.stage, took_s=took_s)

    def _note_return(self, event: JobEvent) -> None:
        attempt = self._attempts.pop(event.job_id, None)
        lost_s = _seconds(attempt.saved_at, event.at) if attempt else 0.0
        self._metrics.requeued(event.code or _UNKNOWN, lost_s=lost_s)

    async def _note_end(self, event: JobEvent) -> None:
        attempt = self._attempts.pop(event.job_id, None)
        if attempt and event.kind is EventKind.COMPLETED:
            self._leave(attempt, event.at)
        job = await self._repository.get(event.job_id)
        took_s = _seconds(job.started_at, event.at) if job.started_at else None
        checkpoint = event.checkpoint or _UNKNOWN
        code = (event.code or _UNKNOWN) if event.status is JobStatus.FAILED else ""
        self._metrics.finished(checkpoint, event.status, code=code, took_s=took_s)


def _seconds(since: datetime, until: datetime) -> float:
    """By the wall clock, which may have been set back meanwhile."""
    return max((until - since).total_seconds(), 0.0)
