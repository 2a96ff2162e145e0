"""A job's life as a trace shows it: spans within spans. Knows nothing of how they are sent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from domain.job import Job
from domain.job_event import EventKind, JobEvent, JobStatus

_PUBLISHING: Final = "publishing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Something that was done, from one moment to another.

    Attributes:
        attributes: by names as OpenTelemetry has them; never a prompt, nor a key.
        problem: the code of what it ended in; None where it ended well, or was cancelled.
        is_request: whether somebody asked for it from outside and waited.
        parts: what it consists of, in its order.
    """

    name: str
    began_at: datetime
    ended_at: datetime
    attributes: Mapping[str, str | int | float] = field(default_factory=dict)
    problem: str | None = None
    is_request: bool = False
    parts: Sequence["Span"] = ()


def trace_of(job: Job, events: Iterable[JobEvent]) -> Span:
    """A job that is over: its waits and its attempts, each with its stages.

    Args:
        events: all of the job's, oldest first. Their own times count; where a clock was set back, what
            would have ended before it began took no time.
    """
    parts: list[Span] = []
    since, attempt = job.created_at, None
    for event in events:
        match event.kind:
            case EventKind.STARTED:
                parts.append(_span("queued", since, event.at))
                attempt = _Attempt(event)
            case EventKind.STAGE | EventKind.PUBLISHING if attempt:
                attempt.enter(event.stage or _PUBLISHING, event.at)
            case EventKind.REQUEUED if attempt:
                parts.append(attempt.end(event.at, problem=event.code))
                since, attempt = event.at, None
    ended_at = job.finished_at or since
    problem = job.failure.code if job.failure else None
    parts.append(attempt.end(ended_at, problem) if attempt else _span("queued", since, ended_at))
    return replace(
        _span("generation", job.created_at, ended_at),
        attributes=_facts(job),
        problem=problem,
        parts=parts,
    )


class _Attempt:
    """One that goes on."""

    def __init__(self, event: JobEvent) -> None:
        self._number, self._began_at = event.attempt, event.at
        self._stage, self._stage_at = str(event.stage), event.at
        self._stages: list[Span] = []

    def enter(self, stage: str, at: datetime) -> None:
        if stage != self._stage:
            self._stages.append(_span(self._stage, self._stage_at, at))
            self._stage, self._stage_at = stage, at

    def end(self, at: datetime, problem: str | None) -> Span:
        self._stages.append(_span(self._stage, self._stage_at, at))
        return replace(
            _span("attempt", self._began_at, at),
            attributes={"wan.attempt": self._number},
            problem=problem,
            parts=self._stages,
        )


def _facts(job: Job) -> Mapping[str, str | int | float]:
    request = job.request
    facts: dict[str, str | int | float] = {
        "wan.generation": job.id,
        "wan.outcome": job.status.value,
        "wan.checkpoint": request.checkpoint,
        "wan.width": request.width,
        "wan.height": request.height,
        "wan.num_frames": request.num_frames,
        "wan.steps": request.all_steps,
        "wan.attempts": job.fence,
    }
    if job.retry_of is not None:
        facts["wan.retry_of"] = job.retry_of
    if job.status is JobStatus.COMPLETED and job.video is not None:
        facts["wan.video.size_bytes"] = job.video.size_bytes
    return facts


def _span(name: str, began_at: datetime, ended_at: datetime) -> Span:
    return Span(name=name, began_at=began_at, ended_at=max(began_at, ended_at))
