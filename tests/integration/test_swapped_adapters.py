"""The same use cases over fakes, over the real adapters drawing cards, and over the real model."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from application.browse_library import BrowseLibrary
from application.cancel_generation import CancelGeneration
from application.complete_draft import CompleteDraft
from application.disk_gate import DiskGate
from application.dispatch_jobs import DispatchJobs
from application.known_overflows import KnownOverflows
from application.plan_generation import PlanGeneration
from application.queries import Queries
from application.run_generation import RunGeneration
from application.submission import Submission
from application.submit_generation import SubmitGeneration
from bootstrap.core_container import CoreContainer
from bootstrap.server_container import ServerContainer
from bootstrap.settings import load_settings
from domain.errors import InvalidRequest
from domain.generation import GenerationDraft
from domain.job import Job
from domain.job_event import EventKind, JobStatus
from domain.library import Filters
from domain.slot import Slot
from domain.watchdog import Budgets
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.checkpoint_catalog import FakeCheckpointCatalog
from tests.fakes.clock import FakeClock
from tests.fakes.hardware_probe import FakeHardwareProbe
from tests.fakes.image_store import FakeImageStore
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.renderer import FakeRenderer
from tests.fakes.resume_store import FakeResumeStore

DRAFT = GenerationDraft(prompt="a red circle", width=32, height=32, num_frames=5, steps=3, seed=7)


@dataclass(frozen=True)
class Studio:
    """The use cases a driver has, and the dispatcher that is not yet running."""

    submit: SubmitGeneration
    cancel: CancelGeneration
    queries: Queries
    browse: BrowseLibrary
    dispatch: DispatchJobs

    @asynccontextmanager
    async def dispatching(self) -> AsyncIterator[None]:
        running = asyncio.create_task(self.dispatch.run())
        yield
        running.cancel()
        await asyncio.wait([running])


def over_fakes(folder: Path) -> Studio:
    jobs, clock, store = InMemoryJobs(), FakeClock(), FakeArtifactStore(folder / "videos")
    renderer, resume_store = FakeRenderer(store), FakeResumeStore()
    gate = DiskGate(FakeHardwareProbe(), soft_bytes=2, hard_bytes=1)
    lane = RunGeneration(Slot(0), jobs.repository, renderer, store, resume_store, clock, Budgets())
    dispatch = DispatchJobs(jobs.queue, [lane], gate, clock)
    complete = CompleteDraft(FakeCheckpointCatalog("mini"), FakeImageStore(folder / "images"))
    plan = PlanGeneration(
        complete, jobs.history, FakeHardwareProbe().capacity, KnownOverflows(clock)
    )
    return Studio(
        submit=SubmitGeneration(plan, jobs.repository, gate, dispatch, clock),
        cancel=CancelGeneration(jobs.repository, [lane], resume_store, clock),
        queries=Queries(jobs.repository, jobs.queue, jobs.event_log, dispatch, gate),
        browse=BrowseLibrary(jobs.library, store),
        dispatch=dispatch,
    )


@pytest.fixture(params=["fakes", "synthetic", pytest.param("diffusers", marks=pytest.mark.slow)])
async def studio(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Studio]:
    if request.param == "fakes":
        yield over_fakes(tmp_path)
        return
    overrides = {
        "data_dir": str(tmp_path / "data"),
        "renderer": "inprocess",
        "pipeline.backend": request.param,
    }
    core = CoreContainer(settings=load_settings(overrides=overrides, environment={}))
    core.data_directory().prepare()
    container = ServerContainer(core=core)
    await container.database().open()
    yield Studio(
        submit=container.submit(),
        cancel=container.cancel(),
        queries=container.queries(),
        browse=container.browse(),
        dispatch=container.dispatch(),
    )
    for renderer in container.renderers():
        await renderer.close()
    await container.database().close()


async def submitted(studio: Studio, **said: Any) -> Job:
    return (await studio.submit.execute(Submission(**{"draft": DRAFT, **said}))).job


async def told(studio: Studio, job_id: str) -> list[EventKind]:
    return [logged.event.kind async for logged in studio.queries.follow(job_id) if logged]


async def test_a_draft_becomes_a_published_video(studio: Studio) -> None:
    job = await submitted(studio)

    async with studio.dispatching():
        kinds = await told(studio, job.id)

    entry, path = await studio.browse.video(job.id)
    done = entry.job
    assert (kinds[0], kinds[1], kinds[-1]) == ("queued", "started", "completed")
    assert done.status is JobStatus.COMPLETED
    assert done.video is not None
    assert done.video.num_frames == 5
    assert path.stat().st_size == done.video.size_bytes


async def test_jobs_wait_for_each_other_and_urgent_ones_go_first(studio: Studio) -> None:
    ordinary = [await submitted(studio) for _ in range(2)]
    urgent = await submitted(studio, priority=5)

    async with studio.dispatching():
        for job in (*ordinary, urgent):
            await told(studio, job.id)

    begun = [(await studio.queries.job(job.id)).started_at for job in (urgent, *ordinary)]
    assert begun == sorted(begun, key=str)


async def test_a_waiting_job_that_is_cancelled_never_runs(studio: Studio) -> None:
    job = await submitted(studio)
    await studio.cancel.execute(job.id)
    other = await submitted(studio)

    async with studio.dispatching():
        await told(studio, other.id)

    assert await told(studio, job.id) == ["queued", "cancelled"]


async def test_what_cannot_be_done_is_refused_and_not_kept(studio: Studio) -> None:
    with pytest.raises(InvalidRequest, match="17 or 21"):
        await submitted(studio, draft=GenerationDraft(prompt="x", num_frames=18))

    kept = await studio.browse.generations(Filters(), limit=10)
    assert kept == []
