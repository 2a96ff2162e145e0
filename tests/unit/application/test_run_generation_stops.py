"""An attempt that is stopped, overtaken or cancelled from outside."""

import asyncio
from collections.abc import Callable

import pytest

from domain.errors import (
    OutOfAcceleratorMemory,
    Preempted,
    RenderCancelled,
    RenderSuspended,
    StaleFence,
    WorkerCrashed,
)
from domain.job import Job
from domain.job_event import EventKind, JobStatus
from domain.progress import Stage
from domain.rendering import ResumePointSaved, StageEntered, StepFinished
from tests.fakes.examples import NOON, a_job
from tests.fakes.renderer import Deed, Hangs, Stages
from tests.unit.application.attempt import Attempt, Lane, overtake


@pytest.mark.parametrize(
    ("reason", "code", "interruptions"),
    [
        (RenderSuspended("The server stopped."), "interrupted", 1),
        (Preempted("It made way."), "preempted", 0),
    ],
)
async def test_a_suspended_run_gives_the_job_back_with_the_reason_it_was_given(
    attempt: Attempt, reason: RenderSuspended | Preempted, code: str, interruptions: int
) -> None:
    run, go = await attempt.begin_and_pause(
        StepFinished(step=2),
        Hangs(),
        after=[StageEntered(stage=Stage.DENOISING), ResumePointSaved(step=2)],
    )

    await attempt.run.suspend(reason)
    go.set()

    assert await run is reason
    job, told = attempt.job, attempt.jobs.events[-1].event
    assert (job.status, job.step, job.toll.interruptions) == (JobStatus.QUEUED, 2, interruptions)
    assert (told.kind, told.code, told.message) == (EventKind.REQUEUED, code, reason.message)


async def test_the_first_reason_to_suspend_counts(attempt: Attempt) -> None:
    run, go = await attempt.begin_and_pause(Hangs())

    await attempt.run.suspend(Preempted("first"))
    await attempt.run.suspend(RenderSuspended("second"))
    go.set()

    assert str(await run) == "first"


async def test_a_reason_counts_for_one_attempt_only(attempt: Attempt, lane: Lane) -> None:
    by_itself = RenderSuspended("The worker was told so.")
    run = lane([Hangs()], [by_itself])
    await attempt.jobs.repository.add(a_job())
    first = asyncio.create_task(run.execute(await attempt.claim()))
    await asyncio.sleep(0.01)
    await run.suspend(Preempted())
    await first

    ended_in = await run.execute(await attempt.claim())

    assert ended_in is by_itself


async def test_a_run_that_is_suspended_before_its_renderer_heard_of_it_never_begins(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The renderer ignored what was asked of a job it did not know yet; the server waited for the
    # whole video before it stopped.
    get = attempt.jobs.repository.get

    async def get_slowly(job_id: str) -> Job:
        await asyncio.sleep(0.01)
        return await get(job_id)

    monkeypatch.setattr(attempt.jobs.repository, "get", get_slowly)
    run = await attempt.begin(Stages())
    await asyncio.sleep(0)

    await attempt.run.suspend(RenderSuspended("The server stopped."))
    await run

    assert attempt.job.status is JobStatus.QUEUED


async def test_suspending_a_slot_that_does_not_run_does_nothing(attempt: Attempt) -> None:
    await attempt.make(Stages())

    await attempt.run.suspend(RenderSuspended())

    assert attempt.job.status is JobStatus.COMPLETED


async def test_a_mark_that_never_reached_the_renderer_cancels_at_the_next_report(
    attempt: Attempt,
) -> None:
    run, go = await attempt.begin_and_pause(
        StageEntered(stage=Stage.DENOISING), Hangs(), StepFinished(step=1), Stages()
    )
    await attempt.jobs.repository.update("gen_1", lambda job: job.request_cancel(at=NOON))
    go.set()

    assert isinstance(await run, RenderCancelled)

    assert attempt.job.status is JobStatus.CANCELLED


async def test_a_job_cancelled_between_its_claim_and_its_run_is_not_begun(attempt: Attempt) -> None:
    await attempt.jobs.repository.add(a_job())
    run = await attempt.begin(Stages())
    await attempt.jobs.repository.update("gen_1", lambda job: job.request_cancel(at=NOON))

    await run

    assert attempt.kinds[-2:] == [EventKind.CANCEL_REQUESTED, EventKind.CANCELLED]


async def test_a_cancel_that_comes_while_the_attempt_is_looked_up_stops_it_before_it_begins(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The mark came too late to be read, the message too early to be heard: the model was loaded first.
    get, looked, go = attempt.jobs.repository.get, asyncio.Event(), asyncio.Event()

    async def get_and_be_slow(job_id: str) -> Job:
        job = await get(job_id)
        if not looked.is_set():  # the attempt's own look
            looked.set()
            await go.wait()
        return job

    monkeypatch.setattr(attempt.jobs.repository, "get", get_and_be_slow)
    run = await attempt.begin(StageEntered(stage=Stage.LOADING), Hangs())
    await looked.wait()

    await attempt.jobs.repository.update("gen_1", lambda job: job.request_cancel(at=NOON))
    await attempt.run.cancel("gen_1")
    go.set()
    await asyncio.wait_for(run, timeout=5)

    assert attempt.kinds[-2:] == [EventKind.CANCEL_REQUESTED, EventKind.CANCELLED]


async def test_a_cancel_of_another_job_stops_nothing(attempt: Attempt) -> None:
    run, go = await attempt.begin_and_pause(StageEntered(stage=Stage.DECODING), Stages())

    await attempt.run.cancel("gen_2")
    go.set()
    await run

    assert attempt.job.status is JobStatus.COMPLETED


async def test_a_job_cancelled_when_its_video_is_whole_leaves_nothing(attempt: Attempt) -> None:
    # The staged file stayed for ever.
    attempt.resume_store.keep("gen_1", 1, b"latents")
    run, go = await attempt.begin_and_pause(Stages())
    await attempt.jobs.repository.update("gen_1", lambda job: job.request_cancel(at=NOON))
    go.set()

    await run

    assert attempt.job.status is JobStatus.CANCELLED
    assert attempt.store.staged == []
    assert attempt.resume_store.job_ids() == []


async def test_clearing_an_attempt_that_ended_leaves_what_the_next_one_has_staged(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The next attempt had begun to write by then, and its file went with the old one's.
    update = attempt.jobs.repository.update

    async def update_and_be_slow(job_id: str, change: Callable[[Job], None]) -> Job:
        job = await update(job_id, change)
        if job.status is JobStatus.QUEUED:
            next_one = await attempt.claim()
            attempt.store.stage(next_one.id, next_one.fence).write_text("the next one's")
        return job

    monkeypatch.setattr(attempt.jobs.repository, "update", update_and_be_slow)
    attempt.store.stage("gen_1", 1).write_text("half")

    await attempt.make(WorkerCrashed())

    assert attempt.store.staged == ["gen_1.2"]


@pytest.mark.parametrize("late", [StepFinished(step=1), Stages(), OutOfAcceleratorMemory()])
async def test_an_attempt_that_was_overtaken_changes_nothing_and_is_counted(
    attempt: Attempt, late: Deed
) -> None:
    run, go = await attempt.begin_and_pause(late)
    await attempt.jobs.repository.update("gen_1", overtake)
    overtaking = attempt.job
    go.set()

    await run

    assert attempt.job == overtaking
    assert attempt.run.fenced_out == 1


async def test_an_attempt_that_was_overtaken_ends_in_that(attempt: Attempt) -> None:
    run, go = await attempt.begin_and_pause(Stages())
    await attempt.jobs.repository.update("gen_1", overtake)
    go.set()

    assert isinstance(await run, StaleFence)


class TestStoppingAtOnce:
    async def test_the_job_is_given_back_uncharged(self, attempt: Attempt) -> None:
        run, _ = await attempt.begin_and_pause()

        run.cancel()

        with pytest.raises(asyncio.CancelledError):
            await run
        job = attempt.job
        assert (job.status, job.toll.crashes, job.toll.interruptions) == (JobStatus.QUEUED, 0, 1)

    async def test_a_video_that_only_has_to_be_published_is_kept(self, attempt: Attempt) -> None:
        # The finished video was thrown away and rendered again.
        attempt.store.may_publish.clear()
        run = await attempt.begin(Stages())
        await attempt.jobs.wait(lambda: attempt.job.status is JobStatus.PUBLISHING, timeout_s=5)

        run.cancel()

        with pytest.raises(asyncio.CancelledError):
            await run
        assert attempt.job.status is JobStatus.PUBLISHING
        assert attempt.store.staged == ["gen_1.1"]
        attempt.store.may_publish.set()

    async def test_an_overtaken_attempt_gives_nothing_back(self, attempt: Attempt) -> None:
        run, _ = await attempt.begin_and_pause()
        await attempt.jobs.repository.update("gen_1", overtake)
        overtaking = attempt.job

        run.cancel()

        with pytest.raises(asyncio.CancelledError):
            await run
        assert attempt.job == overtaking
