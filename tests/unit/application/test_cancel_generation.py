"""Cancelling, wherever the generation is."""

import asyncio

import pytest

from application.cancel_generation import CancelGeneration
from domain.errors import NotCancellable, RenderCancelled, UnknownJob
from domain.job_event import JobStatus
from domain.rendering import RenderOrder
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.clock import FakeClock
from tests.fakes.examples import NOON, a_job, a_job_that_is, a_request
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.renderer import FakeRenderer, Hangs, Meets
from tests.fakes.resume_store import FakeResumeStore


async def test_a_queued_job_that_is_cancelled_never_reaches_a_renderer(
    jobs: InMemoryJobs, resume_store: FakeResumeStore, clock: FakeClock
) -> None:
    await jobs.repository.add(a_job())
    resume_store.keep("gen_1", 1, b"it was handed back once")

    job = await CancelGeneration(jobs.repository, [], resume_store, clock).execute("gen_1")

    assert job.status is JobStatus.CANCELLED
    assert await jobs.queue.claim(at=NOON) is None
    assert resume_store.read("gen_1") is None


async def test_a_running_job_is_marked_and_its_renderer_is_told(
    jobs: InMemoryJobs,
    resume_store: FakeResumeStore,
    clock: FakeClock,
    store: FakeArtifactStore,
) -> None:
    await jobs.repository.add(a_job_that_is(JobStatus.RUNNING))
    here, go = asyncio.Event(), asyncio.Event()
    renderer = FakeRenderer(store, [Meets(here, go), Hangs()])
    idle = FakeRenderer(store)
    run = renderer.render(RenderOrder(job_id="gen_1", fence=1, request=a_request()))
    first_report = asyncio.ensure_future(anext(run))
    await here.wait()

    cancel = CancelGeneration(jobs.repository, [idle, renderer], resume_store, clock)
    job = await cancel.execute("gen_1")
    go.set()

    assert (job.status, job.cancel_requested_at) == (JobStatus.RUNNING, clock.now())
    with pytest.raises(RenderCancelled):
        await first_report


async def test_what_is_too_late_or_unknown_is_refused(
    jobs: InMemoryJobs, resume_store: FakeResumeStore, clock: FakeClock
) -> None:
    await jobs.repository.add(a_job_that_is(JobStatus.COMPLETED))
    cancel = CancelGeneration(jobs.repository, [], resume_store, clock)

    with pytest.raises(NotCancellable):
        await cancel.execute("gen_1")
    with pytest.raises(UnknownJob):
        await cancel.execute("gen_nobody")
