"""Lanes that take jobs from the queue and survive whatever becomes of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from application import dispatch_jobs
from application.dispatch_jobs import DispatchJobs
from application.run_generation import RunGeneration
from domain.errors import DiskFull, StorageError, WorkerUnavailable
from domain.job_event import EventKind, JobStatus
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.clock import FakeClock
from tests.fakes.examples import NOON, a_job
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.renderer import Deed, FakeRenderer, Hangs, Meets, Stages

Dispatching = Callable[..., "asyncio.Task[None]"]


@pytest.fixture
async def dispatching(
    jobs: InMemoryJobs,
    store: FakeArtifactStore,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Dispatching]:
    """Starts a dispatcher with one lane per list of scripts; it is stopped after the test."""
    monkeypatch.setattr(dispatch_jobs, "STORAGE_RETRY_S", 0.001)
    monkeypatch.setattr(dispatch_jobs, "REST_S", 0.001)
    begun: list[asyncio.Task[None]] = []

    def begin(*lanes: Sequence[Sequence[Deed]]) -> asyncio.Task[None]:
        runs = [
            RunGeneration(jobs.repository, FakeRenderer(store, *scripts), store, clock)
            for scripts in lanes
        ]
        dispatcher = DispatchJobs(jobs.queue, jobs.repository, runs, clock)
        begun.append(asyncio.create_task(dispatcher.run()))
        return begun[-1]

    yield begin
    for task in begun:
        task.cancel()
    await asyncio.gather(*begun, return_exceptions=True)


@asynccontextmanager
async def soon() -> AsyncIterator[None]:
    async with asyncio.timeout(60):
        yield


async def all_to_be(jobs: InMemoryJobs, status: JobStatus) -> None:
    """Wait until every job is there."""
    await jobs.wait(lambda: all(job.status is status for job in jobs.kept), timeout_s=5)
    assert {job.status for job in jobs.kept} == {status}


async def test_every_waiting_job_is_run(jobs: InMemoryJobs, dispatching: Dispatching) -> None:
    for number in range(5):
        await jobs.repository.add(a_job(f"gen_{number}"))

    dispatching([], [])

    await all_to_be(jobs, JobStatus.COMPLETED)


async def test_a_job_that_comes_later_wakes_an_idle_lane(
    jobs: InMemoryJobs, dispatching: Dispatching
) -> None:
    dispatching([])
    await asyncio.sleep(0.01)

    await jobs.repository.add(a_job())

    await all_to_be(jobs, JobStatus.COMPLETED)


async def test_a_busy_lane_does_not_hold_up_the_other(
    jobs: InMemoryJobs, dispatching: Dispatching
) -> None:
    here = asyncio.Event()
    await jobs.repository.add(a_job("slow"))
    dispatching([[Meets(here, asyncio.Event())]], [[Meets(here, asyncio.Event())]])
    async with soon():
        await here.wait()
    here.clear()

    await jobs.repository.add(a_job("next"))

    async with soon():
        await here.wait()
    assert [job.status for job in jobs.kept] == [JobStatus.RUNNING, JobStatus.RUNNING]


async def test_a_bug_fails_its_job_and_the_lane_goes_on(
    jobs: InMemoryJobs, dispatching: Dispatching
) -> None:
    await jobs.repository.add(a_job("gen_bad"))
    await jobs.repository.add(a_job("gen_good"))

    dispatching([[ZeroDivisionError("oops")], [Stages()]])

    await jobs.wait(lambda: all(job.status.is_terminal for job in jobs.kept), timeout_s=5)
    bad, good = jobs.kept
    assert good.status is JobStatus.COMPLETED
    assert bad.failure is not None
    assert (bad.failure.code, bad.failure.message) == (
        "internal",
        "Internal error: ZeroDivisionError.",
    )


async def test_a_queue_that_cannot_be_written_is_tried_again(
    jobs: InMemoryJobs, dispatching: Dispatching
) -> None:
    await jobs.repository.add(a_job())
    jobs.refusals += [DiskFull(), DiskFull()]

    dispatching([])

    await all_to_be(jobs, JobStatus.COMPLETED)
    assert jobs.refusals == []


async def test_a_job_whose_end_could_not_be_kept_runs_again_once_it_can(
    jobs: InMemoryJobs, dispatching: Dispatching
) -> None:
    here, go = asyncio.Event(), asyncio.Event()
    await jobs.repository.add(a_job())
    dispatching([[Meets(here, go), Stages()], [Stages()]])
    async with soon():
        await here.wait()
    jobs.refusals += [DiskFull()] * 4  # the report, its failure, and two tries at giving it back
    go.set()

    await all_to_be(jobs, JobStatus.COMPLETED)

    [job] = jobs.kept
    assert (job.fence, job.crashes, job.interruptions) == (2, 0, 0)


async def test_an_end_that_was_overtaken_meanwhile_is_not_settled(
    jobs: InMemoryJobs, dispatching: Dispatching
) -> None:
    here, go = asyncio.Event(), asyncio.Event()
    await jobs.repository.add(a_job())
    dispatching([[Meets(here, go), ZeroDivisionError()], [Hangs()]])
    async with soon():
        await here.wait()
    await jobs.repository.update("gen_1", lambda job: job.interrupt("out", fence=1, at=NOON))
    overtaking = await jobs.queue.claim(at=NOON)
    go.set()
    await asyncio.sleep(0.01)

    # It was written with the newer attempt's own fence, and failed a job that was running well.
    assert await jobs.repository.get("gen_1") == overtaking


async def test_stopping_gives_every_running_job_back(
    jobs: InMemoryJobs, dispatching: Dispatching
) -> None:
    here = asyncio.Event()
    await jobs.repository.add(a_job())
    task = dispatching([[Meets(here, asyncio.Event())]])
    async with soon():
        await here.wait()

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    [job] = jobs.kept
    assert job.status is JobStatus.QUEUED
    assert jobs.events[-1].event.kind is EventKind.REQUEUED


async def test_a_worker_that_cannot_start_costs_no_job_anything(
    jobs: InMemoryJobs, dispatching: Dispatching
) -> None:
    # A broken installation emptied the whole queue into "failed" within seconds.
    for number in range(3):
        await jobs.repository.add(a_job(f"gen_{number}"))

    dispatching([*[[WorkerUnavailable("no interpreter")]] * 30, [Stages()]])

    await all_to_be(jobs, JobStatus.COMPLETED)
    assert {(job.crashes, job.interruptions) for job in jobs.kept} == {(0, 0)}


async def test_a_fault_of_the_queue_does_not_stop_the_lane(
    jobs: InMemoryJobs, dispatching: Dispatching, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One failed wait ended the dispatcher, and nothing was ever claimed again.
    wait, faults = jobs.queue.wait, [StorageError("locked"), ZeroDivisionError("oops")]

    async def faulty(*, timeout_s: float) -> None:
        if faults:
            raise faults.pop()
        await wait(timeout_s=timeout_s)

    monkeypatch.setattr(jobs.queue, "wait", faulty)
    dispatching([])
    await jobs.repository.add(a_job())

    await all_to_be(jobs, JobStatus.COMPLETED)
