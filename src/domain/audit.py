"""What must be true of jobs, their events and their files at any moment, whatever has died.

The invariants of reliability.md §3.3 that the database's own constraints cannot hold alone. Pure: whoever
audits brings the rows, and what the files are.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.job import Job
from domain.job_event import EventKind, JobEvent, JobStatus
from domain.library import OutputState
from domain.video import SealedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it must be. `invariant`: its name in reliability.md §3.3, such as `I5`."""

    invariant: str
    subject: str
    message: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.subject}: {self.message}"


def audit_job(job: Job, events: Sequence[JobEvent]) -> Iterator[Finding]:
    """What is wrong with one job and its whole history, oldest event first."""

    def finding(invariant: str, message: str) -> Finding:
        return Finding(invariant=invariant, subject=job.id, message=message)

    if job.status.is_terminal != (job.finished_at is not None):
        yield finding("I1", f"it is {job.status}, but finished_at is {job.finished_at}")
    if job.status.is_active != (job.slot is not None):
        yield finding("I2", f"it is {job.status}, but its slot is {job.slot}")
    yield from (finding(name, message) for name, message in _replay(events))
    if events and _state(job) != _told(events[-1]):
        told = " ".join(map(str, _told(events[-1])))
        yield finding("I9", f"its last event tells {told}; the row {_state(job)}")


def audit_slots(jobs: Iterable[Job]) -> Iterator[Finding]:
    """I3: no two active jobs in one slot."""
    taken: dict[int, str] = {}
    for job in jobs:
        if job.slot is None:
            continue
        if job.slot in taken:
            message = f"slot {job.slot} has {taken[job.slot]} as well"
            yield Finding(invariant="I3", subject=job.id, message=message)
        taken[job.slot] = job.id


def audit_file(job: Job, state: OutputState, file: SealedFile | None) -> Iterator[Finding]:
    """I5: a completed job has its file, as it was made, unless that was removed: then it has none.

    Args:
        state: of its video in the library.
    """
    is_completed = job.status is JobStatus.COMPLETED
    if is_completed == (state is OutputState.NONE):
        message = f"it is {job.status}, but in the library its video is {state}"
        yield Finding(invariant="I5", subject=job.id, message=message)
    wrong = _wrong_with_file(job, state, file) if is_completed else None
    if wrong is not None:
        yield Finding(invariant="I5", subject=job.id, message=wrong)


def _wrong_with_file(job: Job, state: OutputState, file: SealedFile | None) -> str | None:
    if state is OutputState.REMOVING:  # there or not: it is on its way out
        return None
    if state is OutputState.REMOVED:
        return None if file is None else "its video was removed, but is there"
    if job.video is None:
        return "nobody knows what its video was"
    if file is None:
        return "its video is not there"
    is_as_made = (file.size_bytes, file.sha256) == (job.video.size_bytes, job.video.sha256)
    return None if is_as_made else "its video is not as it was made"


def audit_outputs(outputs: Iterable[str], statuses: Mapping[str, JobStatus]) -> Iterator[Finding]:
    """I6: whatever is published belongs to a job that completed, or is just about to."""
    for job_id in outputs:
        status = statuses.get(job_id)
        if status not in {JobStatus.COMPLETED, JobStatus.PUBLISHING}:
            message = f"there is a video, but its generation is {status or 'unknown'}"
            yield Finding(invariant="I6", subject=job_id, message=message)


#: The state that an event of that kind leaves a job in.
_STATE_AFTER: Final[Mapping[EventKind, JobStatus]] = {
    EventKind.QUEUED: JobStatus.QUEUED,
    EventKind.MOVED: JobStatus.QUEUED,
    EventKind.REQUEUED: JobStatus.QUEUED,
    EventKind.PUBLISHING: JobStatus.PUBLISHING,
    EventKind.COMPLETED: JobStatus.COMPLETED,
    EventKind.FAILED: JobStatus.FAILED,
    EventKind.CANCELLED: JobStatus.CANCELLED,
}
#: The states that an event of that kind may find a job in; `RUNNING` where it is not named.
_STATES_BEFORE: Final[Mapping[EventKind, frozenset[JobStatus]]] = {
    EventKind.QUEUED: frozenset(),
    EventKind.MOVED: frozenset({JobStatus.QUEUED}),
    EventKind.STARTED: frozenset({JobStatus.QUEUED}),
    EventKind.REQUEUED: frozenset({JobStatus.RUNNING, JobStatus.PUBLISHING}),
    EventKind.COMPLETED: frozenset({JobStatus.PUBLISHING}),
    EventKind.FAILED: frozenset({JobStatus.RUNNING, JobStatus.PUBLISHING}),
    EventKind.CANCELLED: frozenset({JobStatus.QUEUED, JobStatus.RUNNING}),
}
_WHILE_RUNNING: Final = frozenset({JobStatus.RUNNING})


def _replay(events: Sequence[JobEvent]) -> Iterator[tuple[str, str]]:
    """Walk the history: I4 (attempts count up by one), I9, I11 (nothing after the end), I12."""
    if not events or events[0].kind is not EventKind.QUEUED:
        yield "I9", "its history does not begin with its submission"
        return
    status, attempt = JobStatus.QUEUED, 0
    for event in events[1:]:
        if status.is_terminal:
            yield "I11", f"{event.kind} came after it was {status}"
        elif status not in _STATES_BEFORE.get(event.kind, _WHILE_RUNNING):
            yield "I12", f"{event.kind} came while it was {status}"
        attempt += event.kind is EventKind.STARTED
        if event.attempt != attempt:
            yield "I4", f"{event.kind} tells attempt {event.attempt}, but {attempt} was the latest"
        status = _STATE_AFTER.get(event.kind, JobStatus.RUNNING)
        if event.status is not status:
            yield "I9", f"{event.kind} tells {event.status}, not {status}"


def _state(job: Job) -> tuple[object, ...]:
    return job.status, job.stage, job.step, job.fence


def _told(event: JobEvent) -> tuple[object, ...]:
    return event.status, event.stage, event.step, event.attempt
