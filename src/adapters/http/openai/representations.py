"""A generation as OpenAI's clients know it."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from adapters.http.private_paths import without_paths
from domain.derivation import Derivation
from domain.job import Job
from domain.job_event import JobStatus
from domain.seconds import seconds_of

#: Its clients know four statuses, and end their wait at any other word.
_STATUSES = {
    JobStatus.QUEUED: "queued",
    JobStatus.RUNNING: "in_progress",
    JobStatus.PUBLISHING: "in_progress",
    JobStatus.COMPLETED: "completed",
    JobStatus.FAILED: "failed",
    JobStatus.CANCELLED: "failed",
}


class VideoError(Struct, frozen=True, kw_only=True):
    """Why there is no video.

    Attributes:
        code: `cancelled`, where somebody asked to stop it.
        message: in words, for people.
    """

    code: str
    message: str


class Video(Struct, frozen=True, kw_only=True):
    """A video that is asked for, or made.

    Attributes:
        object: always `video`.
        model: the checkpoint.
        progress: per cent of the work that is done.
        created_at: seconds since 1970.
        completed_at: seconds since 1970; null before, and where there is no video.
        expires_at: null: when a video goes is not told here.
        seconds: how long it is.
        size: width and height in pixels.
        status: `queued`, `in_progress`, `completed` or `failed`.
        error: why it failed; null where it did not.
        remixed_from_video_id: the video that it was made from; null where there is none.
        made_as: how it was made from that: `remix`, `edit` or `extension`.
    """

    id: str
    object: str = "video"
    model: str
    status: str
    progress: int
    created_at: int
    completed_at: int | None
    expires_at: int | None = None
    seconds: str
    size: str
    prompt: str
    seed: int
    error: VideoError | None
    remixed_from_video_id: str | None
    made_as: Derivation | None


class DeletedVideo(Struct, frozen=True, kw_only=True):
    """One that is no more.

    Attributes:
        object: always `video.deleted`.
        deleted: always true.
    """

    id: str
    object: str = "video.deleted"
    deleted: bool = True


class VideoPage(Struct, frozen=True, kw_only=True):
    """Some videos.

    Attributes:
        object: always `list`.
        has_more: whether more follow after `last_id`.
        first_id: null where there are none here.
        last_id: the `after` of the next page; null where there are none here.
    """

    object: str = "list"
    data: Sequence[Video]
    has_more: bool
    first_id: str | None
    last_id: str | None


def video(job: Job) -> Video:
    """How `job` is shown."""
    request = job.request
    is_made = job.status is JobStatus.COMPLETED
    return Video(
        id=job.id,
        model=request.checkpoint,
        status=_STATUSES[job.status],
        progress=int(100 * job.progress),
        created_at=_seconds(job.created_at),
        completed_at=_seconds(job.finished_at) if is_made and job.finished_at else None,
        seconds=seconds_of(request.num_frames, request.fps),
        size=f"{request.width}x{request.height}",
        prompt=request.prompt,
        seed=request.seed,
        error=_error(job),
        remixed_from_video_id=job.made_from,
        made_as=job.made_as,
    )


def page(jobs: Sequence[Job], *, limit: int) -> VideoPage:
    """The first `limit` of `jobs`, of which there is one more where more follow."""
    shown = [video(job) for job in jobs[:limit]]
    return VideoPage(
        data=shown,
        has_more=len(jobs) > limit,
        first_id=shown[0].id if shown else None,
        last_id=shown[-1].id if shown else None,
    )


def _error(job: Job) -> VideoError | None:
    if job.status is JobStatus.CANCELLED:
        return VideoError(code="cancelled", message="The generation was cancelled.")
    if job.failure is None:
        return None
    return VideoError(
        code=job.failure.code.replace("-", "_"), message=without_paths(job.failure.message)
    )


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
