"""Valid values that tests change where it matters."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.checkpoint import CheckpointSpec, checkpoint_spec
from domain.errors import PromptTooLong
from domain.generation import GenerationDraft, GenerationRequest
from domain.job import Job
from domain.job_event import JobStatus
from domain.memory_plan import MemoryPlan
from domain.progress import Stage
from domain.video import VideoFile

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)


def a_draft(**changes: Any) -> GenerationDraft:
    return replace(GenerationDraft(prompt="a red circle moving right"), **changes)


def content_with_words(spec: CheckpointSpec) -> CheckpointSpec:
    """`spec`, were it to need nothing else."""
    return replace(spec, needs_image=False, animates_character=False)


def a_request(**changes: Any) -> GenerationRequest:
    """Small enough that its frames take no time."""
    draft = a_draft(width=16, height=16, num_frames=5, steps=4, seed=7)
    return replace(draft.complete(checkpoint_spec("mini"), drawn_seed=0), **changes)


def a_plan() -> MemoryPlan:
    return MemoryPlan(weight_bytes=2000, latent_shape=(16, 2, 2, 2), tokens=2, forwards=8)


def a_video(**changes: Any) -> VideoFile:
    video = VideoFile(
        sha256="ab" * 32,
        size_bytes=1234,
        width=16,
        height=16,
        num_frames=5,
        fps=8.0,
        duration_s=0.625,
        codec="h264",
    )
    return replace(video, **changes)


def a_job(
    job_id: str = "gen_1",
    *,
    request: GenerationRequest | None = None,
    at: datetime = NOON,
    **changes: Any,
) -> Job:
    """A job that was submitted at noon; its first event is still to be collected."""
    return Job.submit(job_id, request or a_request(), at=at, plan=a_plan(), **changes)


def a_job_that_is(status: JobStatus, job_id: str = "gen_1", *, slot: int = 0) -> Job:
    """A job brought to `status` on the shortest way there."""
    job = a_job(job_id)
    if status is JobStatus.QUEUED:
        return job
    job.claim(at=NOON, slot=slot)
    if status is JobStatus.RUNNING:
        return job
    if status is JobStatus.CANCELLED:
        job.cancel(fence=1, at=NOON)
        return job
    if status is JobStatus.FAILED:
        job.end_attempt(PromptTooLong(), fence=1, at=NOON)
        return job
    job.enter_stage(Stage.DENOISING, fence=1, at=NOON)
    job.begin_publishing(a_video(), fence=1, at=NOON)
    if status is JobStatus.COMPLETED:
        job.complete(fence=1, at=NOON)
    return job
