"""Lanes that take jobs from the queue and survive whatever becomes of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from application import dispatch_jobs
from application.disk_gate import DiskGate
from application.dispatch_jobs import DispatchJobs
from domain.errors import (
    AcceleratorFault,
    CheckpointMissing,
    DiskFull,
    DomainError,
    NoProgress,
    StorageError,
    WorkerCrashed,
    WorkerUnavailable,
)
from domain.job_event import EventKind, JobStatus
from domain.progress import Stage
from domain.rendering import StageEntered
from domain.slot import COOL_OFF_S
from domain.toll import STORAGE_PAUSE_S, Toll
from tests.fakes.clock import FakeClock
from tests.fakes.examples import a_job
from tests.fakes.hardware_probe import GIB, FakeHardwareProbe
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.renderer import Hangs, Meets, Stages
from tests.unit.application.attempt import Dispatching, Lane, all_to_be, overtake


@asynccontextmanager
async def soon() -> AsyncIterator[None]:
    async with asyncio.timeout(60):
        yield


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


async def test_a_bug_is_charged_to_its_job_and_the_lane_goes_on(
    jobs: InMemoryJobs, dispatching: Dispatching
) -> None:
    await jobs.repository.add(a_job("gen_bad"))
    await jobs.repository.add(a_job("gen_good"))

    dispatching([[ZeroDivisionError("oops")], [Stages()]])

    await jobs.wait(lambda: jobs.kept[1].status.is_terminal, timeout_s=5)
    bad, good = jobs.kept
    assert good.status is JobStatus.COMPLETED
    assert (bad.status, bad.toll.failures) == (JobStatus.QUEUED, 1)
    [told] = [e.event for e in jobs.events if e.event.kind is EventKind.REQUEUED]
    assert (told.code, told.message) == ("internal", "Internal error: ZeroDivisionError.")


async def test_a_queue_that_cannot_be_written_is_tried_again(
    jobs: InMemoryJobs, dispatching: Dispatching
) -> None:
    await jobs.repository.add(a_job())
    jobs.refusals += [DiskFull(), DiskFull()]

    dispatching([])

    await all_to_be(jobs, JobStatus.COMPLETED)
    assert jobs.refusals == []


async def test_a_job_whose_end_could_not_be_kept_runs_again_once_it_can(
    jobs: InMemoryJobs, clock: FakeClock, dispatching: Dispatching
) -> None:
    here, go = asyncio.Event(), asyncio.Event()
    await jobs.repository.add(a_job())
    dispatching([[Meets(here, go), Stages()], [Stages()]])
    async with soon():
        await here.wait()
    jobs.refusals += [DiskFull()] * 4  # the report, and three tries at giving it back
    go.set()
    await jobs.wait(lambda: jobs.kept[0].status is JobStatus.QUEUED, timeout_s=5)

    clock.advance(STORAGE_PAUSE_S)

    await all_to_be(jobs, JobStatus.COMPLETED)
    [job] = jobs.kept
    assert (job.fence, job.toll) == (2, Toll())


async def test_an_end_that_was_overtaken_meanwhile_is_not_settled(
    jobs: InMemoryJobs, dispatching: Dispatching
) -> None:
    here, go = asyncio.Event(), asyncio.Event()
    await jobs.repository.add(a_job())
    dispatching([[Meets(here, go), ZeroDivisionError()], [Hangs()]])
    async with soon():
        await here.wait()
    await jobs.repository.update("gen_1", overtake)
    overtaking = await jobs.repository.get("gen_1")
    go.set()
    await asyncio.sleep(0.01)

    # It was written with the newer attempt's own fence, and failed a job that was running well.
    assert await jobs.repository.get("gen_1") == overtaking


class TestDraining:
    async def test_what_runs_is_handed_back_and_nothing_more_is_started(
        self, jobs: InMemoryJobs, dispatching: Dispatching
    ) -> None:
        here, go = asyncio.Event(), asyncio.Event()
        await jobs.repository.add(a_job("gen_1"))
        await jobs.repository.add(a_job("gen_2"))
        dispatcher = dispatching([[Meets(here, go), StageEntered(stage=Stage.DECODING), Hangs()]])
        async with soon():
            await here.wait()

        await dispatcher.drain()
        go.set()

        await all_to_be(jobs, JobStatus.QUEUED)
        await asyncio.sleep(0.02)
        first, second = jobs.kept
        assert (first.fence, second.fence) == (1, 0)
        assert jobs.events[-1].event.message == "The server stopped."
        assert dispatcher.is_draining

    async def test_an_idle_dispatcher_ends_at_once(
        self, jobs: InMemoryJobs, lane: Lane, gate: DiskGate, clock: FakeClock
    ) -> None:
        dispatcher = DispatchJobs(jobs.queue, [lane(), lane(number=1)], gate, clock)
        running = asyncio.create_task(dispatcher.run())
        await asyncio.sleep(0.01)

        await dispatcher.drain()

        async with soon():
            await running

    async def test_hurrying_gives_every_running_job_back(
        self, jobs: InMemoryJobs, lane: Lane, gate: DiskGate, clock: FakeClock
    ) -> None:
        here = asyncio.Event()
        await jobs.repository.add(a_job())
        made = lane([Meets(here, asyncio.Event())])
        task = asyncio.create_task(DispatchJobs(jobs.queue, [made], gate, clock).run())
        async with soon():
            await here.wait()

        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        [job] = jobs.kept
        assert job.status is JobStatus.QUEUED
        assert jobs.events[-1].event.kind is EventKind.REQUEUED


async def test_a_low_disk_starts_nothing_until_there_is_room(
    jobs: InMemoryJobs, hardware: FakeHardwareProbe, dispatching: Dispatching
) -> None:
    hardware.free = 9 * GIB
    await jobs.repository.add(a_job())
    dispatching([])
    await asyncio.sleep(0.02)
    assert jobs.kept[0].status is JobStatus.QUEUED

    hardware.free = 11 * GIB

    await all_to_be(jobs, JobStatus.COMPLETED)


async def test_a_slot_where_two_jobs_hang_rests_until_it_is_looked_after(
    jobs: InMemoryJobs, dispatching: Dispatching
) -> None:
    for number in range(3):
        await jobs.repository.add(a_job(f"gen_{number}"))
    hung = [NoProgress("It hung.")]

    # The first comes back at once, hangs again and is quarantined: its own doing. Then the second hangs.
    dispatcher = dispatching([hung, hung, hung, [Stages()]])
    [lane] = dispatcher.lanes
    async with soon():
        while lane.slot.problem is None:
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.02)

    assert "It hung." in lane.slot.problem
    assert [job.status for job in jobs.kept] == ["failed", "queued", "queued"]
    lane.slot.forgive()
    await jobs.wait(lambda: jobs.kept[2].status is JobStatus.COMPLETED, timeout_s=5)
    assert [job.status for job in jobs.kept] == ["failed", "completed", "completed"]


@pytest.mark.parametrize(
    ("broken", "lost"), [(WorkerCrashed("killed"), 1), (AcceleratorFault("illegal access"), 0)]
)
async def test_a_broken_accelerator_does_not_eat_the_queue(
    broken: DomainError, lost: int, jobs: InMemoryJobs, dispatching: Dispatching
) -> None:
    # Every job was quarantined, within seconds, and the slot was found healthy.
    for number in range(10):
        await jobs.repository.add(a_job(f"gen_{number}"))

    dispatcher = dispatching([[broken]])
    [lane] = dispatcher.lanes
    async with asyncio.timeout(5):
        while lane.slot.problem is None:
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)

    ended = [job.status for job in jobs.kept if job.status.is_terminal]
    assert len(ended) == lost
    assert "nvidia-smi" in lane.slot.problem


async def test_weights_that_are_gone_for_a_while_cost_no_job_anything(
    jobs: InMemoryJobs,
    clock: FakeClock,
    dispatching: Dispatching,
) -> None:
    # A drive that was not mounted failed the whole queue, for good and within seconds.
    for number in range(5):
        await jobs.repository.add(a_job(f"gen_{number}"))
    dispatching([*[[CheckpointMissing("Not here.")]] * 3, [Stages()]])
    await jobs.wait(lambda: sum(job.fence for job in jobs.kept) >= 3, timeout_s=5)

    clock.advance(STORAGE_PAUSE_S)

    await all_to_be(jobs, JobStatus.COMPLETED)
    told = [e.event for e in jobs.events if e.event.kind is EventKind.REQUEUED]
    assert {(event.code, event.message) for event in told} == {("model-missing", "Not here.")}
    assert len(told) == 3


async def test_a_lane_without_weights_rests_before_it_takes_the_next_job(
    jobs: InMemoryJobs, dispatching: Dispatching, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        await jobs.repository.add(a_job(f"gen_{number}"))

    dispatching([[CheckpointMissing()]])
    monkeypatch.setattr(dispatch_jobs, "REST_S", 60.0)
    await jobs.wait(lambda: any(job.toll.absences for job in jobs.kept), timeout_s=5)
    await asyncio.sleep(0.05)

    assert sum(job.fence for job in jobs.kept) == 1


async def test_a_worker_that_cannot_start_costs_no_job_anything(
    jobs: InMemoryJobs, clock: FakeClock, dispatching: Dispatching
) -> None:
    # A broken installation emptied the whole queue into "failed" within seconds.
    for number in range(3):
        await jobs.repository.add(a_job(f"gen_{number}"))

    dispatcher = dispatching([*[[WorkerUnavailable("no interpreter")]] * 2, [Stages()]])
    [lane] = dispatcher.lanes
    async with soon():
        while lane.slot.problem is None:
            await asyncio.sleep(0.005)
    clock.advance(COOL_OFF_S)

    await all_to_be(jobs, JobStatus.COMPLETED)
    assert {job.toll for job in jobs.kept} == {Toll()}
    assert lane.slot.problem is None


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
