"""What an operator does to the line."""

import asyncio

import pytest

from application.disk_gate import DiskGate
from application.dispatch_jobs import DispatchJobs
from application.steer_queue import SteerQueue
from domain.errors import IllegalTransition, WorkerUnavailable
from domain.job_event import JobStatus
from domain.watchdog import Budgets
from tests.fakes.clock import FakeClock
from tests.fakes.examples import NOON, a_job, a_job_that_is
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.renderer import Hangs, Stages
from tests.unit.application.attempt import Lane


@pytest.fixture
def dispatch(jobs: InMemoryJobs, lane: Lane, gate: DiskGate, clock: FakeClock) -> DispatchJobs:
    return DispatchJobs(jobs.queue, [lane([Hangs()])], gate, clock)


@pytest.fixture
def steer(jobs: InMemoryJobs, dispatch: DispatchJobs, clock: FakeClock) -> SteerQueue:
    return SteerQueue(jobs.queue, dispatch, clock)


async def test_a_paused_queue_hands_nothing_out_until_it_is_resumed(
    steer: SteerQueue, jobs: InMemoryJobs
) -> None:
    await jobs.repository.add(a_job())

    await steer.pause()
    assert await jobs.queue.paused_since() == NOON
    assert await jobs.queue.claim(at=NOON) is None

    await steer.resume()
    assert await jobs.queue.claim(at=NOON) is not None


async def test_resuming_forgives_the_slots(
    steer: SteerQueue, dispatch: DispatchJobs, clock: FakeClock
) -> None:
    [lane] = dispatch.lanes
    for _ in range(2):
        lane.slot.note_end("gen_1", WorkerUnavailable(), now=clock.monotonic())
    assert not lane.slot.may_work(now=clock.monotonic())

    await steer.resume()

    assert lane.slot.may_work(now=clock.monotonic())
    assert lane.slot.problem is None


async def test_the_time_a_queue_was_paused_is_held_against_no_job(
    jobs: InMemoryJobs, lane: Lane, gate: DiskGate, clock: FakeClock
) -> None:
    paused = lane([Stages()], budgets=Budgets(wait_s=100))
    dispatch = DispatchJobs(jobs.queue, [paused], gate, clock)
    await jobs.repository.add(a_job())
    clock.advance(101)

    await SteerQueue(jobs.queue, dispatch, clock).resume()
    claimed = await jobs.queue.claim(at=clock.now())
    assert claimed is not None
    await paused.execute(claimed)

    assert (await jobs.repository.get("gen_1")).status is JobStatus.COMPLETED


async def test_a_waiting_job_is_moved(steer: SteerQueue, jobs: InMemoryJobs) -> None:
    for number in range(3):
        await jobs.repository.add(a_job(f"gen_{number}"))

    await steer.move("gen_2", priority=None, position=1)
    moved = await steer.move("gen_1", priority=9, position=None)

    assert [job.id for job in await jobs.queue.line()] == ["gen_1", "gen_2", "gen_0"]
    assert moved.priority == 9


async def test_what_runs_is_not_moved(steer: SteerQueue, jobs: InMemoryJobs) -> None:
    await jobs.repository.add(a_job_that_is(JobStatus.RUNNING))

    with pytest.raises(IllegalTransition):
        await steer.move("gen_1", priority=1, position=None)


async def test_an_urgent_job_that_came_during_a_pause_has_way_made_when_it_ends(
    steer: SteerQueue, dispatch: DispatchJobs, jobs: InMemoryJobs
) -> None:
    await jobs.repository.add(a_job("gen_long"))
    running = asyncio.create_task(dispatch.run())
    await jobs.wait(lambda: jobs.kept[0].status is JobStatus.RUNNING, timeout_s=5)
    await steer.pause()
    urgent = a_job("gen_urgent", priority=5, preempts=True)
    await jobs.repository.add(urgent)
    await dispatch.make_way(urgent)

    await steer.resume()

    await jobs.wait(lambda: jobs.kept[1].status is JobStatus.RUNNING, timeout_s=5)
    assert jobs.kept[0].status is JobStatus.QUEUED
    running.cancel()
    await asyncio.wait([running])
