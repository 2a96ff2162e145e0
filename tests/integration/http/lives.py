"""Jobs brought on by hand, where a dispatcher and a renderer would."""

import hashlib

from domain.ports.artifact_store import ArtifactStore
from domain.progress import Stage
from domain.video import VideoFile
from tests.fakes.examples import NOON, a_video
from tests.fakes.jobs import InMemoryJobs


async def start(jobs: InMemoryJobs, job_id: str) -> None:
    """The waiting job, as its first attempt begins to denoise."""
    await jobs.repository.update(job_id, lambda job: job.claim(at=NOON))
    await jobs.repository.update(
        job_id, lambda job: job.enter_stage(Stage.DENOISING, fence=1, at=NOON)
    )


async def finish_step(jobs: InMemoryJobs, job_id: str, step: int) -> None:
    await jobs.repository.update(job_id, lambda job: job.finish_step(step, fence=1, at=NOON))


async def complete(
    jobs: InMemoryJobs, store: ArtifactStore, job_id: str, content: bytes = b"video"
) -> VideoFile:
    """The started job, done: its video is `content`."""
    video = a_video(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
    store.stage(job_id, 1).write_bytes(content)
    await jobs.repository.update(job_id, lambda job: job.begin_publishing(video, fence=1, at=NOON))
    store.publish(job_id, 1, sha256=video.sha256)
    await jobs.repository.update(job_id, lambda job: job.complete(fence=1, at=NOON))
    return video
