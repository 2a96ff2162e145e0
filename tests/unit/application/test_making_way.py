"""Which running job is stopped for an urgent one, and when none is."""

import asyncio
from typing import Any

import pytest

from application.disk_gate import DiskGate
from application.dispatch_jobs import DispatchJobs
from domain.errors import WorkerUnavailable
from domain.heat import Heat, HeatLimits
from domain.job_event import EventKind, JobStatus
from domain.progress import Stage
from domain.rendering import StageEntered
from domain.toll import Toll
from tests.fakes.clock import FakeClock
from tests.fakes.examples import A_SECOND, NOON, a_job
from tests.fakes.hardware_probe import A_HOT_CARD, GIB, FakeHardwareProbe
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.renderer import Hangs, Stages
from tests.unit.application.attempt import Dispatching, Lane, all_to_be


@pytest.fixture
async def busy(jobs: InMemoryJobs, dispatching: Dispatching) -> DispatchJobs:
    script = [StageEntered(stage=Stage.LOADING), Hangs()]
    await jobs.repository.add(a_job("gen_low", priority=1))
    await jobs.repository.add(a_job("gen_mid", priority=2))
    dispatcher = dispatching([script], [script])
    await all_to_be(jobs, JobStatus.RUNNING)
    await asyncio.sleep(0.01)  # both lanes hang now
    return dispatcher


async def test_the_least_urgent_is_stopped_and_keeps_its_place(
    jobs: InMemoryJobs, busy: DispatchJobs
) -> None:
    urgent = a_job("gen_urgent", priority=5, preempts=True)
    await jobs.repository.add(urgent)

    await busy.make_way(urgent)

    await jobs.wait(lambda: jobs.kept[2].status is JobStatus.RUNNING, timeout_s=5)
    low, mid, _ = jobs.kept
    [told] = [e.event for e in jobs.events if e.event.kind is EventKind.REQUEUED]
    assert (told.job_id, told.code) == ("gen_low", "preempted")
    assert "gen_urgent" in (told.message or "")
    assert (low.status, low.toll) == (JobStatus.QUEUED, Toll())
    assert mid.status is JobStatus.RUNNING


@pytest.mark.parametrize(
    "asked",
    [{"priority": 5}, {"priority": 1, "preempts": True}],
    ids=["did not ask", "is no more urgent"],
)
async def test_nothing_is_stopped_for_one_that(
    asked: dict[str, Any], jobs: InMemoryJobs, busy: DispatchJobs
) -> None:
    other = a_job("gen_other", **asked)
    await jobs.repository.add(other)

    await busy.make_way(other)
    await asyncio.sleep(0.02)

    assert [job.fence for job in jobs.kept] == [1, 1, 0]


async def test_a_second_urgent_job_stops_a_second_one(
    jobs: InMemoryJobs, busy: DispatchJobs
) -> None:
    # It chose the least urgent again, which was on its way out for the first.
    for number in (1, 2):
        urgent = a_job(f"gen_urgent_{number}", priority=5, preempts=True)
        await jobs.repository.add(urgent)
        await busy.make_way(urgent)

    await jobs.wait(lambda: jobs.kept[3].status is JobStatus.RUNNING, timeout_s=5)
    assert [job.status for job in jobs.kept] == [*["queued"] * 2, *["running"] * 2]


async def test_one_urgent_job_stops_one_however_often_it_is_asked_for(
    jobs: InMemoryJobs, busy: DispatchJobs
) -> None:
    urgent = a_job("gen_urgent", priority=5, preempts=True)
    await jobs.repository.add(urgent)

    await busy.make_way(urgent)
    await busy.make_way(urgent)

    await jobs.wait(lambda: jobs.kept[2].status is JobStatus.RUNNING, timeout_s=5)
    assert [job.status for job in jobs.kept] == ["queued", "running", "running"]


async def test_a_slot_that_rests_is_not_free(
    jobs: InMemoryJobs, dispatching: Dispatching, clock: FakeClock
) -> None:
    dispatcher = dispatching([[Hangs()]], [[Hangs()]])
    resting = dispatcher.lanes[1].slot
    for _ in range(2):
        resting.note_end("gen_0", WorkerUnavailable(), now=clock.monotonic())
    await jobs.repository.add(a_job("gen_low"))
    await all_to_be(jobs, JobStatus.RUNNING)
    urgent = a_job("gen_urgent", priority=5, preempts=True)
    await jobs.repository.add(urgent)

    await dispatcher.make_way(urgent)

    await jobs.wait(lambda: jobs.kept[1].status is JobStatus.RUNNING, timeout_s=5)
    assert [job.status for job in jobs.kept] == ["queued", "running"]


async def test_nothing_is_stopped_for_one_whose_time_has_not_come(
    jobs: InMemoryJobs, busy: DispatchJobs
) -> None:
    urgent = a_job("gen_urgent", priority=5, preempts=True)
    urgent.run_after = NOON + A_SECOND
    await jobs.repository.add(urgent)

    await busy.make_way(urgent)
    await asyncio.sleep(0.02)

    assert [job.fence for job in jobs.kept] == [1, 1, 0]


@pytest.mark.parametrize("kept_back_by", ["a paused queue", "a low disk", "a drain"])
async def test_nothing_is_stopped_where_nothing_could_start_in_its_place(
    kept_back_by: str,
    jobs: InMemoryJobs,
    hardware: FakeHardwareProbe,
    clock: FakeClock,
    busy: DispatchJobs,
) -> None:
    # A running job was handed back, and its slot stood idle until the queue went on.
    match kept_back_by:
        case "a paused queue":
            await jobs.queue.set_paused(paused=True, at=clock.now())
        case "a low disk":
            hardware.free = 9 * GIB
        case _:
            await busy.drain()
    urgent = a_job("gen_urgent", priority=5, preempts=True)
    await jobs.repository.add(urgent)

    await busy.make_way(urgent)
    await asyncio.sleep(0.02)

    assert not [e for e in jobs.events if e.event.code == "preempted"]
    assert jobs.kept[2].status is JobStatus.QUEUED


async def test_nothing_is_stopped_where_a_slot_is_free(
    jobs: InMemoryJobs, dispatching: Dispatching
) -> None:
    await jobs.repository.add(a_job("gen_low"))
    dispatcher = dispatching([[Hangs()]], [[Stages()]])
    await all_to_be(jobs, JobStatus.RUNNING)
    urgent = a_job("gen_urgent", priority=5, preempts=True)
    await jobs.repository.add(urgent)

    await dispatcher.make_way(urgent)

    await jobs.wait(lambda: jobs.kept[1].status is JobStatus.COMPLETED, timeout_s=5)
    assert jobs.kept[0].fence == 1


async def test_nothing_is_stopped_where_the_accelerator_is_too_hot_for_the_next(
    jobs: InMemoryJobs, lane: Lane, gate: DiskGate, clock: FakeClock
) -> None:
    heat = Heat(0, HeatLimits())
    made = lane([Hangs()], heat=heat)
    dispatcher = DispatchJobs(jobs.queue, [made], gate, clock)
    await jobs.repository.add(a_job("gen_low"))
    running = asyncio.create_task(dispatcher.run())
    await all_to_be(jobs, JobStatus.RUNNING)
    heat.note(A_HOT_CARD, now=clock.monotonic())
    urgent = a_job("gen_urgent", priority=5, preempts=True)
    await jobs.repository.add(urgent)

    await dispatcher.make_way(urgent)
    await asyncio.sleep(0.02)

    assert [job.status for job in jobs.kept] == ["running", "queued"]
    running.cancel()
    await asyncio.wait([running])
