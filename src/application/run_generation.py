"""Server side: one attempt at one claimed job, from order to published video."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from datetime import datetime
from functools import partial
from typing import Final

from domain.errors import (
    Conflict,
    DomainError,
    RenderCancelled,
    RenderFailed,
    StorageError,
    WorkerCrashed,
    WorkerUnavailable,
)
from domain.job import Failure, Job, JobStatus
from domain.ports.artifact_store import ArtifactStore
from domain.ports.clock import Clock
from domain.ports.job_repository import JobRepository
from domain.ports.renderer import Renderer
from domain.rendering import RenderOrder, RenderReport, StageEntered, StepFinished, VideoStaged

_log = logging.getLogger(__name__)

#: Seconds before the next try where the data directory could not be written.
STORAGE_RETRY_S: Final = 2.0


class RunGeneration:
    """Follows a renderer's reports, keeping each as the job's state, and publishes the result."""

    def __init__(
        self,
        repository: JobRepository,
        renderer: Renderer,
        store: ArtifactStore,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._renderer = renderer
        self._store = store
        self._clock = clock

    async def execute(self, claimed: Job) -> None:
        """Bring the attempt to its end: completed, failed, cancelled or given back.

        Being cancelled itself (the server stops) gives the job back, uncharged.

        Raises:
            StorageError, WorkerUnavailable: it could not be made here and now; the job is still
                running in the repository.
        """
        try:
            await self._render(claimed)
        except RenderCancelled:
            await self._end(claimed, lambda job, at: job.cancel(fence=claimed.fence, at=at))
        except WorkerCrashed as error:
            reason = error.message
            await self._end(
                claimed, lambda job, at: job.worker_died(reason, fence=claimed.fence, at=at)
            )
        except (StorageError, WorkerUnavailable):
            raise  # nothing is wrong with the job: whoever dispatched it decides when to try again
        except Conflict as error:
            # A newer attempt owns the job, or it ended meanwhile: what this one knows is void.
            _log.warning("fenced out", extra={"job_id": claimed.id, "reason": error.message})
        except DomainError as error:
            failure = Failure(code=error.code, message=error.message, retryable=error.retryable)
            await self._end(claimed, lambda job, at: job.fail(failure, fence=claimed.fence, at=at))
        except asyncio.CancelledError:
            with suppress(StorageError):  # the next start gives it back
                await self._end(claimed, lambda job, at: _give_back(job, claimed.fence, at))
            raise

    async def _render(self, claimed: Job) -> None:
        order = RenderOrder(job_id=claimed.id, fence=claimed.fence, request=claimed.request)
        ended = False
        if (await self._repository.get(claimed.id)).cancel_requested_at:
            raise RenderCancelled  # between the claim and here, no renderer could have heard of it
        async with aclosing(self._renderer.render(order)) as reports:
            async for report in reports:
                job = await self._keep(order, report)
                ended = job.status is not JobStatus.RUNNING
                if job.status is JobStatus.PUBLISHING:
                    await self._publish(job)
                elif ended:  # cancelled when the video was already whole
                    await asyncio.to_thread(self._store.discard, job.id)
                elif job.cancel_requested_at:
                    await self._renderer.cancel(job.id)
        if not ended:
            raise RenderFailed("The renderer ended without a video.")

    async def _keep(self, order: RenderOrder, report: RenderReport) -> Job:
        at, fence = self._clock.now(), order.fence

        def change(job: Job) -> None:
            match report:
                case StageEntered(stage=stage):
                    job.enter_stage(stage, fence=fence, at=at)
                case StepFinished(step=step):
                    job.finish_step(step, fence=fence, at=at)
                case VideoStaged(video=video):
                    job.begin_publishing(video, fence=fence, at=at)

        return await self._repository.update(order.job_id, change)

    async def _publish(self, job: Job) -> None:
        assert job.video is not None, "publishing begins with a staged video"
        publish = partial(self._store.publish, job.id, job.fence, sha256=job.video.sha256)
        await self._insist(lambda: asyncio.to_thread(publish))
        await self._insist(
            lambda: self._end(job, lambda job, at: job.complete(fence=job.fence, at=at))
        )

    async def _insist(self, deed: Callable[[], Awaitable[object]]) -> None:
        """Do it, however long the data directory cannot be written: the video is made."""
        while True:
            try:
                await deed()
            except StorageError as error:
                _log.error("cannot publish", extra={"reason": error.message})
                await asyncio.sleep(STORAGE_RETRY_S)
            else:
                return

    async def _end(self, claimed: Job, change: Callable[[Job, datetime], None]) -> None:
        """Keep the attempt's end and clear what it staged."""
        at = self._clock.now()
        try:
            job = await self._repository.update(claimed.id, lambda job: change(job, at))
        except Conflict as error:
            _log.warning("fenced out", extra={"job_id": claimed.id, "reason": error.message})
            return
        if job.status is not JobStatus.PUBLISHING:
            await asyncio.to_thread(self._store.discard, claimed.id)
        _log.info(
            "attempt ended",
            extra={"job_id": job.id, "attempt": claimed.fence, "status": job.status},
        )


def _give_back(job: Job, fence: int, at: datetime) -> None:
    """Requeue it, unless its video is whole: then the next start only has to publish that."""
    if job.status is not JobStatus.PUBLISHING:
        job.interrupt("the server stopped", fence=fence, at=at)
