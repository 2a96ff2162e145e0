"""The JSON that goes out: what a generation is over HTTP.

The request, the plan and the video's facts are the domain's own values; only what differs has a type
here.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Final, TypeAlias

from litestar.params import PathParameter
from msgspec import Struct, field

from adapters.http.private_paths import optional_without_paths, without_paths
from adapters.http.problems import FieldProblem
from adapters.http.streams import ToldEvent
from application.queries import SlotState
from domain.derivation import Derivation
from domain.generation import GenerationRequest
from domain.job import Job
from domain.job_event import EventKind, Failure, JobEvent, JobStatus
from domain.memory_plan import MemoryPlan
from domain.progress import Stage
from domain.run_record import Measured
from domain.video import VideoFile

#: What routes name one by.
GenerationId: TypeAlias = Annotated[str, PathParameter(description="A generation's id.")]

GENERATIONS: Final = "/api/v1/generations"
OUTPUTS: Final = "/api/v1/outputs"


class GenerationError(Struct, frozen=True, kw_only=True):
    """Why a generation failed.

    Attributes:
        errors: the fields that were in the way, if any were, and what would do.
    """

    code: str
    detail: str
    retryable: bool
    errors: Sequence[FieldProblem]


class Links(Struct, frozen=True, kw_only=True):
    """Where the rest is.

    Attributes:
        self: the generation itself.
        events: what happens to it, as it happens.
        preview: how the video is going to look; null unless it runs.
        video: the file; null until there is one.
    """

    itself: str = field(name="self")
    events: str
    preview: str | None
    video: str | None


class Generation(Struct, frozen=True, kw_only=True):
    """A generation as clients see it.

    Attributes:
        steps: denoising steps that are made: all, of every segment, or the last of them where a video is made
            anew.
        request: complete: sent again, it makes the same video.
        plan: what it needs, and where its parts lie.
        attempts: how many times it has been started.
        resume_step: steps that another attempt need not repeat.
        memory_rung: how far it has climbed for lack of accelerator memory: at 1, pictures are decoded in tiles,
            at 2 on the CPU, too. What else it tried for that is in `plan`.
        client: who asked; clients of one priority take turns.
        priority: higher runs earlier.
        preempts: whether it may stop a running one of lower priority.
        run_after: not to be started before; null for any time.
        retry_of: the generation that this one is asked for again.
        made_from: the generation that it was made from, or begins with a frame of; null where there is none.
        made_as: how it was made from that; null where nobody said.
        error: why it failed; null where it did not.
        video: the file that results; null until there is one.
        cancel_requested_at: when somebody asked to stop it; null where nobody did.
        links: where the rest is.
        notices: what its latest attempt had to say: of its LoRAs, or that the video is black.
        measured: what making the video took; null where it is not made, or went on from an earlier run.
    """

    id: str
    status: JobStatus
    stage: Stage | None
    step: int
    steps: int
    progress: float
    request: GenerationRequest
    plan: MemoryPlan
    attempts: int
    resume_step: int
    memory_rung: int
    client: str
    priority: int
    preempts: bool
    run_after: datetime | None
    retry_of: str | None
    made_from: str | None
    made_as: Derivation | None
    error: GenerationError | None
    video: VideoFile | None
    notices: Sequence[str]
    measured: Measured | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    links: Links


class GenerationPage(Struct, frozen=True, kw_only=True):
    """Some generations, newest first.

    Attributes:
        next_cursor: the `before` of the next page; null where this is the last.
    """

    data: Sequence[Generation]
    next_cursor: str | None


class GenerationSnapshot(Struct, frozen=True, kw_only=True):
    """A generation's state after one of its events.

    Attributes:
        generation: whose state it is.
        attempt: number of the attempt in which it happened; 0 before the first.
        at: when it happened.
        preview_step: after which step the preview shows it that there is when this is told, if any.
    """

    generation: str
    status: JobStatus
    stage: Stage | None
    step: int
    steps: int
    progress: float
    attempt: int
    message: str | None
    code: str | None
    at: datetime
    preview_step: int | None


class GenerationEvent(ToldEvent, frozen=True, kw_only=True):
    """One server-sent event of a generation.

    Attributes:
        id: its number, in digits; later events have higher ones.
        event: what happened.
        data: the generation's state after it, as JSON.
    """

    id: str
    event: EventKind
    data: GenerationSnapshot


def generation(job: Job) -> Generation:
    """How `job` is shown."""
    video = job.video if job.status is JobStatus.COMPLETED else None
    return Generation(
        id=job.id,
        status=job.status,
        stage=job.stage,
        step=job.step,
        steps=job.request.all_steps,
        progress=job.progress,
        request=job.request,
        plan=job.plan,
        attempts=job.fence,
        resume_step=job.resume_step,
        memory_rung=job.toll.oom_level,
        client=job.client,
        priority=job.priority,
        preempts=job.preempts,
        run_after=job.run_after,
        retry_of=job.retry_of,
        made_from=job.made_from,
        made_as=job.made_as,
        error=_error(job.failure),
        video=video,
        notices=[without_paths(told) for told in job.notices],
        measured=job.measured,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        cancel_requested_at=job.cancel_requested_at,
        links=Links(
            itself=f"{GENERATIONS}/{job.id}",
            events=f"{GENERATIONS}/{job.id}/events",
            preview=f"{GENERATIONS}/{job.id}/preview" if job.status is JobStatus.RUNNING else None,
            video=f"{OUTPUTS}/{job.id}/video" if video else None,
        ),
    )


def snapshot(event: JobEvent, *, preview_step: int | None) -> GenerationSnapshot:
    """How `event` is shown, and the newest preview with it."""
    return GenerationSnapshot(
        generation=event.job_id,
        status=event.status,
        stage=event.stage,
        step=event.step,
        steps=event.steps,
        progress=event.progress,
        attempt=event.attempt,
        message=optional_without_paths(event.message),
        code=event.code,
        at=event.at,
        preview_step=preview_step,
    )


def shown_slots(slots: Sequence[SlotState]) -> Sequence[SlotState]:
    """How they are shown."""
    return [replace(slot, problem=optional_without_paths(slot.problem)) for slot in slots]


def _error(failure: Failure | None) -> GenerationError | None:
    if failure is None:
        return None
    return GenerationError(
        code=failure.code,
        detail=without_paths(failure.message),
        retryable=failure.retryable,
        errors=[
            FieldProblem(pointer=v.pointer, reason=v.reason, nearest=v.nearest)
            for v in failure.violations
        ],
    )
