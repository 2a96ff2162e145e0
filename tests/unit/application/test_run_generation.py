"""One attempt, from the claimed job to however it ends by itself."""

import asyncio
from datetime import timedelta

import pytest

from application.run_generation import RunGeneration
from domain.errors import (
    BackendUnavailable,
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
    Previewed,
    Resumed,
    ResumePointSaved,
    ResumeRejected,
    StageEntered,
    StepFinished,
    StillRunning,
)
from domain.slot import Slot
from domain.toll import BACKOFF_S, Toll
from domain.watchdog import Budgets
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.clock import FakeClock
from tests.fakes.examples import NOON, a_job
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.renderer import FakeRenderer, Hangs, Meanwhile, Meets, Stages
from tests.fakes.resume_store import FakeResumeStore
from tests.unit.application.attempt import Attempt, Lane


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


@pytest.mark.parametrize("error", [BackendUnavailable(), PromptTooLong("9 too many.")])
async def test_what_no_attempt_can_mend_fails_the_job_with_its_reason(
    attempt: Attempt, error: DomainError
) -> None:
    job = await attempt.make(StageEntered(stage=Stage.LOADING), error)

    assert (job.status, attempt.ended_in) == (JobStatus.FAILED, error)
    assert job.failure is not None
    assert (job.failure.code, job.failure.message) == (error.code, error.message)


async def test_memory_that_ran_out_where_there_is_no_relief_fails_the_job(attempt: Attempt) -> None:
    job = await attempt.make(OutOfAcceleratorMemory("It does not fit."))

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


async def test_a_step_that_takes_long_is_not_ended_while_its_blocks_come(
    attempt: Attempt, clock: FakeClock
) -> None:
    block = (Meanwhile(lambda: clock.advance(25)), StillRunning())
    budgets = Budgets(step_s=30)

    job = await attempt.make(
        StageEntered(stage=Stage.DENOISING),
        *(24 * block),
        StepFinished(step=1),
        Stages(),
        budgets=budgets,
    )

    assert (job.status, attempt.ended_in) == (JobStatus.COMPLETED, None)
    assert attempt.kinds.count(EventKind.STEP) == 1, "nothing is kept of its blocks"


async def test_a_step_whose_blocks_stop_coming_is_ended(attempt: Attempt, clock: FakeClock) -> None:
    block = (Meanwhile(lambda: clock.advance(25)), StillRunning())
    hang = (Meanwhile(lambda: clock.advance(29.99)), Noticed(text="Nothing."), Hangs())
    budgets = Budgets(step_s=30)

    job = await attempt.make(
        StageEntered(stage=Stage.DENOISING),
        *(3 * block),
        *hang,
        StepFinished(step=1),
        budgets=budgets,
    )

    assert isinstance(attempt.ended_in, NoProgress)
    assert (job.status, job.toll.crashes) == (JobStatus.QUEUED, 1)


async def test_a_wall_clock_that_is_set_ends_no_run(attempt: Attempt, clock: FakeClock) -> None:
    here, go_on = asyncio.Event(), asyncio.Event()
    entered = StageEntered(stage=Stage.DENOISING)
    run, go = await attempt.begin_and_pause(entered, Meets(here, go_on), Stages())

    clock.set_forwards(24 * 3600)
    go.set()
    await here.wait()
    await asyncio.sleep(0.01)
    go_on.set()
    await run

    assert attempt.job.status is JobStatus.COMPLETED


async def test_a_run_that_takes_longer_than_it_may_fails_with_its_deadline(
    attempt: Attempt,
) -> None:
    # It went on for ever, as long as it made a step from time to time.
    steps = [StepFinished(step=1) for _ in range(3)]
    script = (StageEntered(stage=Stage.DENOISING), *steps, Hangs())

    job = await attempt.make(*script, budgets=Budgets(run_s=0.05))

    assert job.failure is not None
    assert (job.status, job.failure.code) == (JobStatus.FAILED, "deadline")


@pytest.mark.parametrize(
    ("served_s", "wall_s", "status"),
    [
        (100, 100, JobStatus.COMPLETED),
        (101, 101, JobStatus.FAILED),
        (1, 400 * 86400, JobStatus.COMPLETED),  # the clock was set: nobody waited that long
        (101, -5, JobStatus.COMPLETED),
    ],
)
async def test_a_job_that_nobody_came_for_in_all_its_time_fails_with_its_deadline(
    served_s: float,
    wall_s: float,
    status: JobStatus,
    attempt: Attempt,
    lane: Lane,
    clock: FakeClock,
) -> None:
    await attempt.jobs.repository.add(a_job())
    attempt.run = lane([Stages()], budgets=Budgets(wait_s=100))
    clock.advance(served_s)
    claimed = await attempt.jobs.queue.claim(at=NOON + timedelta(seconds=wall_s))
    assert claimed is not None

    await attempt.run.execute(claimed)

    assert attempt.job.status is status
    assert (attempt.job.failure is not None and attempt.job.failure.code) == (
        "deadline" if status is JobStatus.FAILED else False
    )


async def test_a_job_that_has_begun_is_not_told_how_long_it_waited(
    attempt: Attempt, lane: Lane, clock: FakeClock
) -> None:
    await attempt.make(WorkerUnavailable())
    attempt.run = lane([Stages()], budgets=Budgets(wait_s=100))
    clock.advance(101)
    claimed = await attempt.jobs.queue.claim(at=NOON + timedelta(seconds=101))
    assert claimed is not None

    await attempt.run.execute(claimed)

    assert attempt.job.status is JobStatus.COMPLETED


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
    assert job.notices == ("LoRA turn: 4 tensors matched.",)
    assert job.status is JobStatus.COMPLETED


async def test_the_newest_preview_is_there_while_it_runs_and_kept_nowhere(attempt: Attempt) -> None:
    previews = [Previewed(step=step, image=bytes([step])) for step in (1, 2)]
    task, go = await attempt.begin_and_pause(
        Stages(), after=[StageEntered(stage=Stage.DENOISING), *previews]
    )
    shown = attempt.run.preview

    go.set()
    await task

    assert shown == previews[1]
    assert attempt.run.preview is None
    assert attempt.kinds[2:] == [EventKind.STAGE, EventKind.PUBLISHING, EventKind.COMPLETED]


async def test_an_attempt_does_not_show_the_preview_of_the_one_before(attempt: Attempt) -> None:
    await attempt.make(Previewed(step=1, image=b"1"), WorkerCrashed())

    task, go = await attempt.begin_and_pause(Stages())
    shown = attempt.run.preview
    go.set()
    await task

    assert shown is None


async def test_what_is_noticed_is_the_latest_attempts(attempt: Attempt) -> None:
    await attempt.make(Noticed(text="Once."), WorkerCrashed())

    job = await attempt.make(Noticed(text="Again."), Stages())

    assert job.notices == ("Again.",)


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

    @pytest.mark.parametrize("error", [WorkerCrashed(), RenderFailed()])
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


@pytest.mark.parametrize("rung", [0, 1])
async def test_an_order_carries_the_rung_that_the_job_has_climbed(
    rung: int, jobs: InMemoryJobs, store: FakeArtifactStore, resume_store: FakeResumeStore
) -> None:
    job = a_job()
    job.toll = Toll(oom_level=rung)
    await jobs.repository.add(job)
    renderer, claimed = FakeRenderer(store), await jobs.queue.claim(at=NOON)
    assert claimed is not None

    await RunGeneration(
        Slot(0), jobs.repository, renderer, store, resume_store, FakeClock(), Budgets()
    ).execute(claimed)

    assert [order.rung for order in renderer.orders] == [rung]
