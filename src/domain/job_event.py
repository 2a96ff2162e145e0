"""The states of a job, and what is written down of each thing that happens to one."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.errors import Violation
from domain.progress import Stage


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

    @property
    def is_active(self) -> bool:
        return self in {JobStatus.RUNNING, JobStatus.PUBLISHING}


class EventKind(StrEnum):
    """What happened to a job, in the past tense but for the states it enters."""

    QUEUED = "queued"
    MOVED = "moved"
    STARTED = "started"
    STAGE = "stage"
    STEP = "step"
    RESUME_POINT_SAVED = "resume_point_saved"
    RESUMED = "resumed"
    RESUME_REJECTED = "resume_rejected"
    NOTICED = "noticed"
    MEASURED = "measured"
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
        code: one of the error codes of `domain.errors`, or `quarantined` or `interrupted`.
        retryable: whether the same request may succeed another time.
        violations: the fields that were in the way, if any were, and what would do.
    """

    code: str
    message: str
    retryable: bool = False
    violations: tuple[Violation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One thing that happened, with the job's state after it.

    Attributes:
        attempt: the fence of the attempt it happened in; 0 before the first.
        checkpoint: that the job is for; None in events of earlier versions.
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
    checkpoint: str | None = None
    message: str | None = None
    code: str | None = None
