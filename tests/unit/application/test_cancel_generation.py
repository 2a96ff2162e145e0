"""Cancelling, wherever the generation is."""

import asyncio

import pytest

from application.cancel_generation import CancelGeneration
from domain.errors import NotCancellable, RenderCancelled, UnknownJob
from domain.job_event import JobStatus
from tests.fakes.clock import FakeClock
from tests.fakes.examples import NOON, a_job, a_job_that_is
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.renderer import Hangs
from tests.fakes.resume_store import FakeResumeStore
from tests.unit.application.attempt import Attempt, Lane


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
    attempt: Attempt, lane: Lane, resume_store: FakeResumeStore, clock: FakeClock
) -> None:
    run, go = await attempt.begin_and_pause(Hangs())
    lanes = [lane(number=1), attempt.run]

    job = await CancelGeneration(attempt.jobs.repository, lanes, resume_store, clock).execute(
        "gen_1"
    )
    marked = job.status, job.cancel_requested_at
    go.set()

    assert isinstance(await asyncio.wait_for(run, timeout=5), RenderCancelled)
    assert marked == (JobStatus.RUNNING, clock.now())
    assert attempt.job.status is JobStatus.CANCELLED


async def test_what_is_too_late_or_unknown_is_refused(
    jobs: InMemoryJobs, resume_store: FakeResumeStore, clock: FakeClock
) -> None:
    await jobs.repository.add(a_job_that_is(JobStatus.COMPLETED))
    cancel = CancelGeneration(jobs.repository, [], resume_store, clock)

    with pytest.raises(NotCancellable):
        await cancel.execute("gen_1")
    with pytest.raises(UnknownJob):
        await cancel.execute("gen_nobody")
