"""One attempt, from the claimed job to however it ends by itself."""

import asyncio
from datetime import timedelta

import pytest

from domain.errors import (
    CheckpointBroken,
    DomainError,
    EncodingFailed,
    NoProgress,
    OutOfAcceleratorMemory,
    PromptTooLong,
    RenderCancelled,
    RenderFailed,
    WorkerCrashed,
    WorkerUnavailable,
)
from domain.job import Job
from domain.job_event import EventKind, JobStatus
from domain.progress import Stage
from domain.rendering import (
    Noticed,
    Resumed,
    ResumePointSaved,
    ResumeRejected,
    StageEntered,
    StepFinished,
)
from domain.toll import BACKOFF_S
from domain.watchdog import Budgets
from tests.fakes.examples import NOON
from tests.fakes.renderer import Hangs, Stages
from tests.unit.application.attempt import Attempt


async def test_a_good_run_completes_the_job_and_publishes_its_file(attempt: Attempt) -> None:
    job = await attempt.make(
        StageEntered(stage=Stage.DENOISING), StepFinished(step=1), StepFinished(step=4), Stages()
    )

    assert (job.status, attempt.ended_in) == (JobStatus.COMPLETED, None)
    assert attempt.store.locate("gen_1").read_text() == "video of gen_1, attempt 1"
    assert attempt.kinds == [
        EventKind.QUEUED,
        EventKind.STARTED,
        EventKind.STAGE,
        EventKind.STEP,
        EventKind.STEP,
        EventKind.PUBLISHING,
        EventKind.COMPLETED,
    ]


@pytest.mark.parametrize("error", [CheckpointBroken(), PromptTooLong("9 too many.")])
async def test_what_no_attempt_can_mend_fails_the_job_with_its_reason(
    attempt: Attempt, error: DomainError
) -> None:
    job = await attempt.make(StageEntered(stage=Stage.LOADING), error)

    assert (job.status, attempt.ended_in) == (JobStatus.FAILED, error)
    assert job.failure is not None
    assert (job.failure.code, job.failure.message) == (error.code, error.message)


async def test_memory_that_ran_out_once_is_tried_again_and_twice_is_told(attempt: Attempt) -> None:
    job = await attempt.make(OutOfAcceleratorMemory())
    once = job.status, job.toll.oom_level

    job = await attempt.make(OutOfAcceleratorMemory("It does not fit."))

    assert once == (JobStatus.QUEUED, 1)
    assert job.failure is not None
    assert (job.failure.code, job.failure.message) == ("gpu-out-of-memory", "It does not fit.")


async def test_a_run_that_failed_is_tried_again_later_and_the_third_time_told(
    attempt: Attempt,
) -> None:
    for longest in BACKOFF_S:
        job = await attempt.make(EncodingFailed())
        assert job.run_after is not None
        assert NOON < job.run_after <= NOON + timedelta(seconds=longest)
        await attempt.jobs.repository.update("gen_1", _is_due)

    job = await attempt.make(EncodingFailed("No such codec."))

    assert job.failure is not None
    assert (job.failure.code, job.failure.retryable) == ("encoding-failed", True)


async def test_a_run_that_ends_without_a_video_has_failed(attempt: Attempt) -> None:
    # The job stayed running, with nobody left to bring it on.
    job = await attempt.make(StageEntered(stage=Stage.DECODING))

    assert isinstance(attempt.ended_in, RenderFailed)
    assert (job.status, job.toll.failures) == (JobStatus.QUEUED, 1)


async def test_a_step_that_cannot_be_is_a_failure(attempt: Attempt) -> None:
    # It was taken for the report of a stale attempt, and the job stayed running.
    job = await attempt.make(StepFinished(step=99), Stages())

    assert (job.status, job.toll.failures) == (JobStatus.QUEUED, 1)
    assert attempt.store.staged == []


@pytest.mark.parametrize(
    ("error", "crashes"), [(WorkerCrashed("signal 9"), 1), (WorkerUnavailable("no room"), 0)]
)
async def test_a_worker_that_is_no_more_gives_the_job_back(
    attempt: Attempt, error: DomainError, crashes: int
) -> None:
    job = await attempt.make(StageEntered(stage=Stage.LOADING), error)

    assert (job.status, job.toll.crashes) == (JobStatus.QUEUED, crashes)
    assert attempt.jobs.events[-1].event.message == error.message


async def test_a_cancelled_run_cancels_the_job(attempt: Attempt) -> None:
    job = await attempt.make(StageEntered(stage=Stage.LOADING), RenderCancelled())

    assert job.status is JobStatus.CANCELLED


async def test_a_run_without_progress_is_ended_and_counts_as_a_crash(attempt: Attempt) -> None:
    budgets = Budgets(encoding_prompt_s=0.01)

    job = await attempt.make(StageEntered(stage=Stage.ENCODING_PROMPT), Hangs(), budgets=budgets)

    assert isinstance(attempt.ended_in, NoProgress)
    assert (job.status, job.toll.crashes) == (JobStatus.QUEUED, 1)
    assert "encoding_prompt" in attempt.ended_in.message


async def test_slow_publishing_is_not_taken_for_a_hung_worker(attempt: Attempt) -> None:
    # The watchdog went on watching after the video was whole: a disk that was slow to take it cost a
    # good worker, and blamed its slot.
    attempt.store.may_publish.clear()
    budgets = Budgets(loading_s=0.01)
    run = await attempt.begin(Stages(), StageEntered(stage=Stage.DECODING), budgets=budgets)
    await attempt.jobs.wait(lambda: attempt.job.status is JobStatus.PUBLISHING, timeout_s=5)
    await asyncio.sleep(0.02)
    attempt.store.may_publish.set()

    assert await run is None

    assert attempt.job.status is JobStatus.COMPLETED
    assert attempt.run.fenced_out == 0


async def test_a_worker_that_breaks_after_its_video_is_whole_takes_nothing_from_it(
    attempt: Attempt,
) -> None:
    # The job was complete, yet its attempt was said to have crashed and to have been fenced out.
    job = await attempt.make(Stages(), WorkerCrashed())

    assert (job.status, attempt.ended_in) == (JobStatus.COMPLETED, None)
    assert attempt.run.fenced_out == 0


async def test_what_a_run_noticed_is_among_the_jobs_events(attempt: Attempt) -> None:
    job = await attempt.make(
        Noticed(text="LoRA turn: 4 tensors matched."),
        StageEntered(stage=Stage.DENOISING),
        Stages(),
    )

    noticed = attempt.jobs.events[2].event
    assert (noticed.kind, noticed.message) == (EventKind.NOTICED, "LoRA turn: 4 tensors matched.")
    assert noticed.stage is Stage.LOADING
    assert job.status is JobStatus.COMPLETED


class TestResuming:
    async def test_what_is_saved_gone_on_from_and_refused_is_kept(self, attempt: Attempt) -> None:
        await attempt.make(ResumePointSaved(step=2), StepFinished(step=2), WorkerCrashed())
        shown = attempt.job.step

        job = await attempt.make(
            Resumed(step=2), ResumeRejected(reason="Other weights."), WorkerUnavailable()
        )

        assert (shown, job.resume_step) == (2, 0)
        assert attempt.kinds[2:] == [
            EventKind.RESUME_POINT_SAVED,
            EventKind.STEP,
            EventKind.REQUEUED,
            EventKind.STARTED,
            EventKind.RESUMED,
            EventKind.RESUME_REJECTED,
            EventKind.REQUEUED,
        ]

    @pytest.mark.parametrize("error", [WorkerCrashed(), RenderFailed(), OutOfAcceleratorMemory()])
    async def test_the_resume_point_of_a_job_that_runs_again_is_kept(
        self, attempt: Attempt, error: DomainError
    ) -> None:
        attempt.resume_store.keep("gen_1", 1, b"latents")

        await attempt.make(error)

        assert attempt.resume_store.read("gen_1") == b"latents"

    @pytest.mark.parametrize("end", [Stages(), RenderCancelled(), PromptTooLong()])
    async def test_the_resume_point_of_a_job_that_is_over_is_gone(
        self, attempt: Attempt, end: Stages | DomainError
    ) -> None:
        attempt.resume_store.keep("gen_1", 1, b"latents")

        job = await attempt.make(end)

        assert job.status.is_terminal
        assert attempt.resume_store.job_ids() == []


def _is_due(job: Job) -> None:
    job.run_after = None
