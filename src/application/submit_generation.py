"""Accept a generation: from here on it is never lost."""

import asyncio
import logging
import secrets
from collections.abc import Callable

from application.complete_draft import CompleteDraft
from domain.generation import GenerationDraft
from domain.job import Job
from domain.memory_plan import plan_memory
from domain.ports.clock import Clock
from domain.ports.job_repository import JobRepository

_log = logging.getLogger(__name__)


def new_id() -> str:
    """A random 128-bit id; nobody can guess another's."""
    return f"gen_{secrets.token_hex(16)}"


class SubmitGeneration:
    """Completes the draft, plans it, and keeps the job with its first event in one commit."""

    def __init__(
        self,
        complete: CompleteDraft,
        repository: JobRepository,
        clock: Clock,
        new_id: Callable[[], str] = new_id,
    ) -> None:
        self._complete = complete
        self._repository = repository
        self._clock = clock
        self._new_id = new_id

    async def execute(self, draft: GenerationDraft, *, priority: int = 0) -> Job:
        """The queued job, already durable.

        Raises:
            InvalidRequest, UnknownCheckpoint, CheckpointUnavailable: it cannot be done.
            DiskFull: it cannot be kept.
        """
        request, checkpoint = await asyncio.to_thread(self._complete.execute, draft)
        job = Job.submit(
            self._new_id(),
            request,
            at=self._clock.now(),
            plan=plan_memory(request, checkpoint),
            priority=priority,
        )
        await self._repository.add(job)
        _log.info("submitted", extra={"job_id": job.id, "checkpoint": request.checkpoint})
        return job
