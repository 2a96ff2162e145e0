"""What an idle lane's renderer has loaded is given back."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from application import dispatch_jobs
from application.disk_gate import DiskGate
from application.dispatch_jobs import DispatchJobs
from application.run_generation import RunGeneration
from domain.job_event import JobStatus
from domain.slot import Slot
from domain.watchdog import Budgets
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.clock import FakeClock
from tests.fakes.examples import a_job
from tests.fakes.hardware_probe import GIB, FakeHardwareProbe
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.renderer import FakeRenderer
from tests.fakes.resume_store import FakeResumeStore
from tests.unit.application.attempt import all_to_be


class Renderer(FakeRenderer):
    """`given_back`: how many orders it had had, each time it was closed."""

    def __init__(self, store: FakeArtifactStore) -> None:
        super().__init__(store)
        self.given_back: list[int] = []

    async def close(self) -> None:
        await super().close()
        self.given_back.append(len(self.orders))


#: A dispatcher's one lane, and its renderer, which may keep what it loaded for so many seconds.
Serving = Callable[[float], tuple[RunGeneration, Renderer]]


@pytest.fixture
async def serving(
    jobs: InMemoryJobs,
    store: FakeArtifactStore,
    resume_store: FakeResumeStore,
    clock: FakeClock,
    gate: DiskGate,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Serving]:
    monkeypatch.setattr(dispatch_jobs, "IDLE_POLL_S", 0.001)
    monkeypatch.setattr(dispatch_jobs, "REST_S", 0.001)
    running: list[asyncio.Task[None]] = []

    def serve(keep_alive_s: float) -> tuple[RunGeneration, Renderer]:
        renderer = Renderer(store)
        lane = RunGeneration(
            Slot(0), jobs.repository, renderer, store, resume_store, clock, Budgets(),
            keep_alive_s=keep_alive_s,
        )  # fmt: skip
        dispatcher = DispatchJobs(jobs.queue, [lane], gate, clock)
        running.append(asyncio.create_task(dispatcher.run()))
        return lane, renderer

    yield serve
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


@asynccontextmanager
async def looked_at_often() -> AsyncIterator[None]:
    """The lane has looked at the queue many times when this is over."""
    yield
    await asyncio.sleep(0.05)


async def made(jobs: InMemoryJobs, lane: RunGeneration, job_id: str) -> None:
    """Have that job made, and its attempt over."""
    await jobs.repository.add(a_job(job_id))
    await all_to_be(jobs, JobStatus.COMPLETED)
    await until(lambda: lane.running is None)


async def until(there: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not there():
            await asyncio.sleep(0.001)


async def test_after_its_time_an_idle_renderer_keeps_nothing_and_the_next_job_is_made(
    jobs: InMemoryJobs, serving: Serving, clock: FakeClock
) -> None:
    lane, renderer = serving(60)
    await made(jobs, lane, "gen_1")
    async with looked_at_often():
        clock.advance(59)
    assert renderer.given_back == []
    assert lane.slot.loaded == "mini"

    clock.advance(2)
    await until(lambda: bool(renderer.given_back))

    assert lane.slot.loaded is None, "no job of this checkpoint is to be favoured for it"
    async with looked_at_often():
        clock.advance(1000)
    assert renderer.given_back == [1], "once is enough"
    await made(jobs, lane, "gen_2")
    clock.advance(61)
    await until(lambda: len(renderer.given_back) == 2)


async def test_without_any_time_it_is_given_back_when_the_line_is_empty_and_not_before(
    jobs: InMemoryJobs, serving: Serving
) -> None:
    for number in range(5):
        await jobs.repository.add(a_job(f"gen_{number}"))

    _, renderer = serving(0)

    await all_to_be(jobs, JobStatus.COMPLETED)
    await until(lambda: bool(renderer.given_back))
    assert renderer.given_back == [5]


async def test_a_lane_that_may_start_nothing_gives_back_too(
    jobs: InMemoryJobs, serving: Serving, clock: FakeClock, hardware: FakeHardwareProbe
) -> None:
    lane, renderer = serving(60)
    await made(jobs, lane, "gen_1")
    hardware.free = 3 * GIB
    await jobs.repository.add(a_job("gen_2"))

    clock.advance(61)

    await until(lambda: bool(renderer.given_back))


async def test_for_ever_is_for_ever(jobs: InMemoryJobs, serving: Serving, clock: FakeClock) -> None:
    lane, renderer = serving(math.inf)
    await made(jobs, lane, "gen_1")

    async with looked_at_often():
        clock.advance(1e9)

    assert renderer.given_back == []
    assert lane.slot.loaded == "mini"
