"""The fakes that use cases run on; nothing here waits for real time or touches more than a folder."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from application import dispatch_jobs, run_generation
from application.disk_gate import DiskGate
from application.dispatch_jobs import DispatchJobs
from application.run_generation import RunGeneration
from domain.heat import Heat
from domain.slot import Slot
from domain.watchdog import Budgets
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.clock import FakeClock
from tests.fakes.hardware_probe import GIB, FakeHardwareProbe
from tests.fakes.image_store import FakeImageStore
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.renderer import Deed, FakeRenderer
from tests.fakes.resume_store import FakeResumeStore
from tests.unit.application.attempt import Attempt, Dispatching, Lane


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def jobs() -> InMemoryJobs:
    return InMemoryJobs()


@pytest.fixture
def store(tmp_path: Path) -> FakeArtifactStore:
    folder = tmp_path / "videos"
    folder.mkdir()
    return FakeArtifactStore(folder)


@pytest.fixture
def images(tmp_path: Path) -> FakeImageStore:
    return FakeImageStore(tmp_path / "images")


@pytest.fixture
def resume_store() -> FakeResumeStore:
    return FakeResumeStore()


@pytest.fixture
def hardware() -> FakeHardwareProbe:
    return FakeHardwareProbe()


@pytest.fixture
def gate(hardware: FakeHardwareProbe) -> DiskGate:
    """Starts nothing below 10 GiB, accepts nothing below 2."""
    return DiskGate(hardware, soft_bytes=10 * GIB, hard_bytes=2 * GIB)


@pytest.fixture
def lane(
    jobs: InMemoryJobs,
    store: FakeArtifactStore,
    resume_store: FakeResumeStore,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> Lane:
    """Makes lanes; what cannot be written is tried again after no time worth mentioning."""
    monkeypatch.setattr(run_generation, "STORAGE_RETRY_S", 0.001)

    def make(
        *scripts: Sequence[Deed],
        number: int = 0,
        budgets: Budgets | None = None,
        heat: Heat | None = None,
    ) -> RunGeneration:
        return RunGeneration(
            Slot(number, heat),
            jobs.repository,
            FakeRenderer(store, *scripts),
            store,
            resume_store,
            clock,
            budgets or Budgets(),
        )

    return make


@pytest.fixture
def attempt(
    jobs: InMemoryJobs, store: FakeArtifactStore, resume_store: FakeResumeStore, lane: Lane
) -> Attempt:
    return Attempt(jobs, store, resume_store, lane)


@pytest.fixture
async def dispatching(
    jobs: InMemoryJobs,
    lane: Lane,
    gate: DiskGate,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Dispatching]:
    """Starts a dispatcher with one lane per list of scripts; it is stopped after the test."""
    monkeypatch.setattr(dispatch_jobs, "REST_S", 0.001)
    begun: list[asyncio.Task[None]] = []

    def begin(*lanes: Sequence[Sequence[Deed]]) -> DispatchJobs:
        made = [lane(*scripts, number=number) for number, scripts in enumerate(lanes)]
        dispatcher = DispatchJobs(jobs.queue, made, gate, clock)
        begun.append(asyncio.create_task(dispatcher.run()))
        return dispatcher

    yield begin
    for task in begun:
        task.cancel()
    await asyncio.gather(*begun, return_exceptions=True)
