"""One attempt at one job, for tests to begin, disturb and look at."""

import asyncio
from collections.abc import Callable, Sequence

from application.dispatch_jobs import DispatchJobs
from application.run_generation import RunGeneration
from domain.errors import DomainError, RenderSuspended
from domain.job import Job
from domain.job_event import EventKind, JobStatus
from domain.watchdog import Budgets
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.examples import NOON, a_job
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.renderer import Deed, Meets
from tests.fakes.resume_store import FakeResumeStore

#: Makes one slot's lane, whose renderer plays the given scripts.
Lane = Callable[..., RunGeneration]

#: Starts a dispatcher, one lane per list of scripts.
Dispatching = Callable[..., DispatchJobs]


class Attempt:
    """Claims `gen_1` and runs it; `job` is how it is kept, `ended_in` what the attempt returned."""

    def __init__(
        self,
        jobs: InMemoryJobs,
        store: FakeArtifactStore,
        resume_store: FakeResumeStore,
        lane: Lane,
    ) -> None:
        self.jobs, self.store, self.resume_store = jobs, store, resume_store
        self.ended_in: DomainError | None = None
        self.run: RunGeneration
        self._lane = lane

    async def begin(
        self, *script: Deed, budgets: Budgets | None = None
    ) -> "asyncio.Task[DomainError | None]":
        if not self.jobs.kept:
            await self.jobs.repository.add(a_job())
        claimed = await self.claim()
        self.run = self._lane(script, budgets=budgets)
        return asyncio.create_task(self.run.execute(claimed))

    async def claim(self) -> Job:
        claimed = await self.jobs.queue.claim(at=NOON)
        assert claimed is not None
        return claimed

    async def begin_and_pause(
        self, *script: Deed, after: Sequence[Deed] = ()
    ) -> tuple["asyncio.Task[DomainError | None]", asyncio.Event]:
        """Begin, and return between the deeds `after` and the `script`, with what lets it go on."""
        here, go = asyncio.Event(), asyncio.Event()
        task = await self.begin(*after, Meets(here, go), *script)
        await here.wait()
        return task, go

    async def make(self, *script: Deed, budgets: Budgets | None = None) -> Job:
        """A whole attempt. Returns the job afterwards."""
        self.ended_in = await (await self.begin(*script, budgets=budgets))
        return self.job

    @property
    def job(self) -> Job:
        [job] = self.jobs.kept
        return job

    @property
    def kinds(self) -> Sequence[EventKind]:
        return [logged.event.kind for logged in self.jobs.events]


def overtake(job: Job) -> None:
    """Another attempt takes the job."""
    job.end_attempt(RenderSuspended("elsewhere"), fence=job.fence, at=NOON)
    job.claim(at=NOON)


async def all_to_be(jobs: InMemoryJobs, status: JobStatus) -> None:
    """Wait until every job is there."""
    await jobs.wait(lambda: all(job.status is status for job in jobs.kept), timeout_s=5)
    assert {job.status for job in jobs.kept} == {status}
