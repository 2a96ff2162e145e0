"""An attempt whose data directory cannot be written."""

import asyncio

import pytest

from application.run_generation import PUBLISHING_PATIENCE_S
from domain.errors import DiskFull, OutputMissing, PromptTooLong, StorageError
from domain.job_event import JobStatus
from domain.progress import Stage
from domain.rendering import StageEntered
from domain.toll import STORAGE_PAUSE_S, Toll
from tests.fakes.clock import FakeClock
from tests.fakes.examples import A_SECOND
from tests.fakes.renderer import Stages
from tests.unit.application.attempt import Attempt


async def test_a_run_that_found_no_room_is_given_back_for_later_uncharged(
    attempt: Attempt,
) -> None:
    job = await attempt.make(StageEntered(stage=Stage.DENOISING), DiskFull())

    at = attempt.jobs.events[-1].event.at
    assert (job.status, job.toll) == (JobStatus.QUEUED, Toll())
    assert job.run_after == at + STORAGE_PAUSE_S * A_SECOND


async def test_an_end_that_cannot_be_kept_is_insisted_on(attempt: Attempt) -> None:
    # It was given up after two tries, and the job stayed running until the next start.
    run, go = await attempt.begin_and_pause(StageEntered(stage=Stage.DENOISING))
    attempt.jobs.refusals += [StorageError()] * 20
    go.set()

    assert isinstance(await run, StorageError)

    assert attempt.jobs.refusals == []
    assert attempt.job.status is JobStatus.QUEUED


async def test_a_video_that_cannot_be_published_yet_is_published_later(attempt: Attempt) -> None:
    # It was thrown away, and an hour of work with it.
    attempt.store.refusal = StorageError("Input/output error")
    run = await attempt.begin(Stages())
    await attempt.jobs.wait(lambda: attempt.job.status is JobStatus.PUBLISHING, timeout_s=5)
    await asyncio.sleep(0.02)
    waiting = attempt.job.status

    attempt.store.refusal = None
    await run

    assert (waiting, attempt.job.status) == (JobStatus.PUBLISHING, JobStatus.COMPLETED)


async def test_a_video_that_cannot_be_published_for_long_is_given_up_and_its_job_waits(
    attempt: Attempt, clock: FakeClock
) -> None:
    # It was tried for ever, and a cancel was answered with 409 all the while.
    attempt.resume_store.keep("gen_1", 1, b"latents")
    attempt.store.refusal = StorageError("Input/output error")
    run = await attempt.begin(Stages())
    await attempt.jobs.wait(lambda: attempt.job.status is JobStatus.PUBLISHING, timeout_s=5)

    clock.advance(PUBLISHING_PATIENCE_S)

    assert await asyncio.wait_for(run, timeout=5) is attempt.store.refusal
    job = attempt.job
    assert (job.status, job.toll, job.video) == (JobStatus.QUEUED, Toll(), None)
    assert job.run_after == clock.now() + STORAGE_PAUSE_S * A_SECOND
    assert attempt.resume_store.read("gen_1") == b"latents"


async def test_a_video_that_is_published_but_cannot_be_told_is_told_later(attempt: Attempt) -> None:
    attempt.store.may_publish.clear()
    run = await attempt.begin(Stages())
    await attempt.jobs.wait(lambda: attempt.job.status is JobStatus.PUBLISHING, timeout_s=5)
    attempt.jobs.refusals += [DiskFull()] * 3
    attempt.store.may_publish.set()

    assert await run is None

    assert attempt.job.status is JobStatus.COMPLETED


async def test_a_video_that_was_lost_before_it_was_published_is_made_again(
    attempt: Attempt,
) -> None:
    attempt.store.may_publish.clear()
    run = await attempt.begin(Stages())
    await attempt.jobs.wait(lambda: attempt.job.status is JobStatus.PUBLISHING, timeout_s=5)
    attempt.store.discard("gen_1")
    attempt.store.may_publish.set()

    assert isinstance(await run, OutputMissing)

    assert (attempt.job.status, attempt.job.toll.interruptions) == (JobStatus.QUEUED, 1)


async def test_what_cannot_be_cleared_holds_nothing_up(attempt: Attempt) -> None:
    attempt.resume_store.keep("gen_1", 1, b"latents")
    attempt.resume_store.refusal = StorageError("Read-only file system")

    job = await attempt.make(PromptTooLong())

    assert job.status is JobStatus.FAILED
    assert attempt.resume_store.job_ids() == ["gen_1"]


async def test_a_server_that_stops_stops_even_when_the_job_cannot_be_kept(
    attempt: Attempt,
) -> None:
    # The storage error took the cancellation's place, and the server never stopped.
    run, _ = await attempt.begin_and_pause()
    attempt.jobs.refusals.append(DiskFull())

    run.cancel()

    with pytest.raises(asyncio.CancelledError):
        await run
    assert attempt.job.status is JobStatus.RUNNING
