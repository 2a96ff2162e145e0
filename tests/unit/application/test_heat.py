"""What a hot accelerator means for the line."""

import asyncio
from dataclasses import replace

import pytest

from application import dispatch_jobs
from application.disk_gate import DiskGate
from application.dispatch_jobs import DispatchJobs
from application.queries import Queries
from domain.heat import Heat, HeatLimits
from domain.job_event import JobStatus
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.clock import FakeClock
from tests.fakes.examples import a_job
from tests.fakes.hardware_probe import A_HOT_CARD
from tests.fakes.jobs import InMemoryJobs
from tests.unit.application.attempt import Lane, all_to_be

A_COOL_CARD = replace(A_HOT_CARD, temperature_c=60)


@pytest.fixture
def heat(clock: FakeClock) -> Heat:
    heat = Heat(0, HeatLimits())
    heat.note(A_HOT_CARD, now=clock.monotonic())
    return heat


@pytest.fixture
def dispatch(
    jobs: InMemoryJobs,
    lane: Lane,
    gate: DiskGate,
    clock: FakeClock,
    heat: Heat,
    monkeypatch: pytest.MonkeyPatch,
) -> DispatchJobs:
    """One slot, on the hot accelerator."""
    monkeypatch.setattr(dispatch_jobs, "REST_S", 0.001)
    return DispatchJobs(jobs.queue, [lane(heat=heat)], gate, clock)


async def test_its_jobs_wait_uncharged_and_run_once_it_has_cooled(
    jobs: InMemoryJobs, dispatch: DispatchJobs, heat: Heat, clock: FakeClock
) -> None:
    await jobs.repository.add(a_job())
    running = asyncio.create_task(dispatch.run())
    await asyncio.sleep(0.02)
    [waiting] = jobs.kept

    heat.note(A_COOL_CARD, now=clock.monotonic())

    await all_to_be(jobs, JobStatus.COMPLETED)
    assert (waiting.status, waiting.fence) == (JobStatus.QUEUED, 0)
    running.cancel()
    await asyncio.wait([running])


async def test_a_cool_accelerator_beside_it_goes_on(
    jobs: InMemoryJobs, lane: Lane, gate: DiskGate, clock: FakeClock, heat: Heat
) -> None:
    lanes = [lane(heat=heat), lane(number=1, heat=Heat(1, HeatLimits()))]
    for number in range(3):
        await jobs.repository.add(a_job(f"gen_{number}"))

    running = asyncio.create_task(DispatchJobs(jobs.queue, lanes, gate, clock).run())

    await all_to_be(jobs, JobStatus.COMPLETED)
    assert {job.slot for job in jobs.kept} <= {None, 1}
    running.cancel()
    await asyncio.wait([running])


async def test_the_queue_says_what_keeps_it(
    jobs: InMemoryJobs,
    store: FakeArtifactStore,
    dispatch: DispatchJobs,
    gate: DiskGate,
    heat: Heat,
) -> None:
    queries = Queries(jobs.repository, jobs.queue, jobs.event_log, dispatch, gate)

    [slot] = (await queries.queue()).slots

    assert (slot.accelerator, slot.problem) == (0, heat.problem)
    assert "89 °C" in str(slot.problem)
