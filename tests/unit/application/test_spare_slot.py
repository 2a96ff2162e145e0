"""A spare slot: a second miniature beside what else runs, and nothing that another lane would do sooner."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import pytest

from application import dispatch_jobs
from application.disk_gate import DiskGate
from application.dispatch_jobs import DispatchJobs
from application.run_generation import RunGeneration
from domain.checkpoint import MINIATURES
from domain.errors import RenderFailed
from domain.job import Job
from domain.job_event import JobStatus
from domain.slot import Slot
from domain.watchdog import Budgets
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.clock import FakeClock
from tests.fakes.examples import a_job, a_request
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.renderer import Deed, FakeRenderer, Hangs, Stages
from tests.fakes.resume_store import FakeResumeStore

HANGS = [Hangs()]


@dataclass
class Pair:
    """A dispatcher's first lane, and its spare one with what renders there."""

    dispatcher: DispatchJobs
    renderer: FakeRenderer

    @property
    def spare(self) -> RunGeneration:
        return self.dispatcher.lanes[1]


#: Takes the first lane's script.
Serving = Callable[..., Pair]


@pytest.fixture
async def serving(
    jobs: InMemoryJobs,
    store: FakeArtifactStore,
    resume_store: FakeResumeStore,
    clock: FakeClock,
    gate: DiskGate,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Serving]:
    for name in ("IDLE_POLL_S", "REST_S", "SPARE_POLL_S", "SPARE_REST_S"):
        monkeypatch.setattr(dispatch_jobs, name, 0.001)
    running: list[asyncio.Task[None]] = []

    def serve(script: Sequence[Deed] = HANGS) -> Pair:
        renderers = FakeRenderer(store, script), FakeRenderer(store, [Stages()])
        slots = Slot(0), Slot(1, spare_for=MINIATURES)
        lanes = [
            RunGeneration(
                slot, jobs.repository, renderer, store, resume_store, clock, Budgets(), keep_alive_s=60
            )
            for slot, renderer in zip(slots, renderers, strict=True)
        ]  # fmt: skip
        dispatcher = DispatchJobs(jobs.queue, lanes, gate, clock)
        running.append(asyncio.create_task(dispatcher.run()))
        return Pair(dispatcher, renderers[1])

    yield serve
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def add(jobs: InMemoryJobs, job_id: str, checkpoint: str = "mini", **asked: object) -> Job:
    job = a_job(job_id, request=a_request(checkpoint=checkpoint), **asked)
    await jobs.repository.add(job)
    return job


async def until(jobs: InMemoryJobs, *statuses: JobStatus) -> None:
    """Each job, by age, is in the state told for it."""
    await jobs.wait(lambda: [job.status for job in jobs.kept] == [*statuses], timeout_s=5)
    assert [job.status for job in jobs.kept] == [*statuses]


async def a_while() -> None:
    await asyncio.sleep(0.03)


async def test_a_second_miniature_is_made_while_the_first_one_runs(
    jobs: InMemoryJobs, serving: Serving
) -> None:
    serving()
    await add(jobs, "gen_1")
    await add(jobs, "gen_2")
    await add(jobs, "gen_3", "mini-ti2v")

    await until(jobs, JobStatus.RUNNING, JobStatus.COMPLETED, JobStatus.COMPLETED)

    assert jobs.kept[0].slot == 0


async def test_one_job_at_a_time_never_needs_it(jobs: InMemoryJobs, serving: Serving) -> None:
    pair = serving([Stages()])
    for number in range(5):
        await add(jobs, f"gen_{number}")
        await jobs.wait(lambda: all(job.status.is_terminal for job in jobs.kept), timeout_s=5)
        await a_while()

    assert pair.renderer.orders == []


async def test_a_larger_checkpoint_waits_for_the_first_lane_and_is_not_overtaken(
    jobs: InMemoryJobs, serving: Serving
) -> None:
    pair = serving()
    await add(jobs, "gen_1")
    await until(jobs, JobStatus.RUNNING)
    await add(jobs, "gen_2", "t2v-1.3B")
    await add(jobs, "gen_3")

    await a_while()

    await until(jobs, JobStatus.RUNNING, JobStatus.QUEUED, JobStatus.QUEUED)
    assert pair.renderer.orders == []


async def test_a_larger_one_that_waits_for_its_next_try_keeps_nobody_waiting(
    jobs: InMemoryJobs, serving: Serving, clock: FakeClock
) -> None:
    await add(jobs, "gen_1", "t2v-1.3B")
    claimed = await jobs.queue.claim(at=clock.now())
    assert claimed is not None
    await jobs.repository.update(
        "gen_1", lambda job: job.end_attempt(RenderFailed(), fence=job.fence, at=clock.now())
    )
    serving()
    await add(jobs, "gen_2")
    await add(jobs, "gen_3")

    await until(jobs, JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.COMPLETED)


async def test_a_miniature_is_made_beside_a_larger_one(
    jobs: InMemoryJobs, serving: Serving
) -> None:
    serving()
    await add(jobs, "gen_1", "t2v-1.3B")
    await until(jobs, JobStatus.RUNNING)

    await add(jobs, "gen_2")

    await until(jobs, JobStatus.RUNNING, JobStatus.COMPLETED)


async def test_its_worker_ends_when_it_was_idle_for_long_enough(
    jobs: InMemoryJobs, serving: Serving, clock: FakeClock
) -> None:
    pair = serving()
    await add(jobs, "gen_1")
    await add(jobs, "gen_2")
    await until(jobs, JobStatus.RUNNING, JobStatus.COMPLETED)
    assert not pair.renderer.closed

    async with asyncio.timeout(5):
        while not pair.renderer.closed:
            clock.advance(61)
            await asyncio.sleep(0.001)


async def test_an_urgent_job_that_only_the_first_lane_can_make_stops_that_one(
    jobs: InMemoryJobs, serving: Serving
) -> None:
    pair = serving()
    await add(jobs, "gen_1", priority=1)
    await until(jobs, JobStatus.RUNNING)
    assert pair.spare.running is None, "free, but not for this"
    urgent = await add(jobs, "gen_2", "t2v-1.3B", priority=5, preempts=True)

    await pair.dispatcher.make_way(urgent)

    # What was stopped goes on beside it.
    await until(jobs, JobStatus.COMPLETED, JobStatus.RUNNING)


async def test_an_urgent_miniature_stops_nothing_where_the_spare_lane_is_free(
    jobs: InMemoryJobs, serving: Serving
) -> None:
    pair = serving()
    await add(jobs, "gen_1", priority=1)
    await until(jobs, JobStatus.RUNNING)
    urgent = await add(jobs, "gen_2", priority=5, preempts=True)

    await pair.dispatcher.make_way(urgent)

    await until(jobs, JobStatus.RUNNING, JobStatus.COMPLETED)
