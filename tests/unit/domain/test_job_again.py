"""What makes a job run again, and what makes it give up."""

from domain.errors import DomainError, RenderFailed, RenderSuspended, WorkerCrashed
from domain.job import Job
from domain.job_event import EventKind, JobStatus
from domain.progress import Stage
from domain.toll import MAX_FORGIVEN_REJECTIONS
from tests.fakes.examples import A_SECOND, NOON, a_job, a_job_that_is, a_request

LATER = NOON + A_SECOND


def end(job: Job, error: DomainError) -> None:
    """Its present attempt ends in `error`, one second later."""
    job.end_attempt(error, fence=job.fence, at=LATER)


def a_claimed_job() -> Job:
    """Running, with its events so far collected."""
    job = a_job_that_is(JobStatus.RUNNING)
    job.collect_events()
    return job


def test_a_job_that_is_put_back_waits_with_nothing_left_of_its_attempt() -> None:
    job = a_job_that_is(JobStatus.PUBLISHING)

    end(job, RenderSuspended("the server stopped"))

    *_, event = job.collect_events()
    assert (job.status, job.stage, job.step, job.video) == (JobStatus.QUEUED, None, 0, None)
    assert (event.kind, event.code, event.message) == (
        EventKind.REQUEUED,
        "interrupted",
        "the server stopped",
    )


def test_a_job_that_failed_by_itself_waits_as_long_as_its_toll_says() -> None:
    job = a_claimed_job()

    job.end_attempt(RenderFailed(), fence=1, at=NOON, jitter=0.5)

    assert job.run_after == NOON + 5 * A_SECOND


def test_a_job_that_may_go_on_at_once_has_no_time_to_wait_for() -> None:
    job = a_claimed_job()

    end(job, WorkerCrashed())

    assert job.run_after is None


def test_a_new_attempt_forgets_the_waiting_time() -> None:
    job = a_claimed_job()
    end(job, RenderFailed())

    job.claim(at=LATER)

    assert job.run_after is None


def test_a_death_after_new_progress_counts_as_the_first() -> None:
    job = a_claimed_job()

    for step in (1, 2, 3, 4):
        job.enter_stage(Stage.DENOISING, fence=job.fence, at=NOON)
        job.finish_step(step, fence=job.fence, at=NOON)
        end(job, WorkerCrashed())
        job.claim(at=NOON)

    assert (job.status, job.toll.crashes) == (JobStatus.RUNNING, 1)


def test_progress_made_before_is_not_new() -> None:
    job = a_claimed_job()
    for _ in range(2):
        job.enter_stage(Stage.DENOISING, fence=job.fence, at=NOON)
        job.finish_step(3, fence=job.fence, at=NOON)
        end(job, WorkerCrashed())
        if job.status is JobStatus.QUEUED:
            job.claim(at=NOON)

    assert job.failure is not None
    assert job.failure.code == "quarantined"


def test_going_on_from_a_resume_point_is_not_progress() -> None:
    job = a_claimed_job()
    job.enter_stage(Stage.DENOISING, fence=1, at=NOON)
    job.save_resume_point(3, fence=1, at=NOON)
    job.finish_step(3, fence=1, at=NOON)
    end(job, WorkerCrashed())
    job.claim(at=NOON)
    job.resume(3, fence=2, at=NOON)
    job.enter_stage(Stage.DENOISING, fence=2, at=NOON)

    end(job, WorkerCrashed())

    assert job.status is JobStatus.FAILED


def test_what_was_saved_is_shown_until_the_next_attempt_says_otherwise() -> None:
    # It fell to nothing with each new attempt, and came back when the weights were loaded.
    job = a_claimed_job()
    job.enter_stage(Stage.DENOISING, fence=1, at=NOON)
    job.finish_step(2, fence=1, at=NOON)
    job.save_resume_point(2, fence=1, at=NOON)
    kept = job.progress
    end(job, WorkerCrashed())
    job.claim(at=NOON)
    job.enter_stage(Stage.LOADING, fence=2, at=NOON)
    told = [event.progress for event in job.collect_events()][-2:]

    assert kept > 0.1
    assert (job.progress, told) == (kept, [kept, kept])
    job.reject_resume_point("It is damaged.", fence=2, at=NOON)
    assert job.progress == 0


def test_an_attempt_that_denoises_from_the_beginning_has_nothing_of_the_one_before() -> None:
    job = a_claimed_job()
    job.enter_stage(Stage.DENOISING, fence=1, at=NOON)
    save_and_die(job, 2)

    job.enter_stage(Stage.DENOISING, fence=2, at=NOON)

    assert job.progress < 0.1


def save_and_die(job: Job, step: int) -> None:
    """An attempt that saves `step` and dies in the next one; another begins if it may."""
    job.save_resume_point(step, fence=job.fence, at=NOON)
    job.finish_step(step, fence=job.fence, at=NOON)
    end(job, WorkerCrashed())
    if job.status is JobStatus.QUEUED:
        job.claim(at=NOON)


def test_what_is_saved_anew_after_a_rejected_point_is_progress() -> None:
    # The first attempt had come to its last step, so nothing the others did was new: a long job whose
    # workers died now and then was quarantined on the way.
    job = a_claimed_job()
    job.enter_stage(Stage.DENOISING, fence=1, at=NOON)
    save_and_die(job, 4)
    job.reject_resume_point("Another version.", fence=2, at=NOON)

    for step in (1, 2, 3):
        job.enter_stage(Stage.DENOISING, fence=job.fence, at=NOON)
        save_and_die(job, step)

    assert (job.status, job.toll.crashes) == (JobStatus.RUNNING, 1)


def test_a_step_that_was_saved_before_is_not_progress() -> None:
    job = a_claimed_job()
    for _ in range(2):
        job.enter_stage(Stage.DENOISING, fence=job.fence, at=NOON)
        save_and_die(job, 2)

    assert job.failure is not None
    assert job.failure.code == "quarantined"


def test_a_later_segments_steps_are_progress_though_one_was_decoded_before_them() -> None:
    job = a_job(request=a_request(checkpoint="animate-14B", num_frames=81))
    job.claim(at=NOON)
    for step in (5, 6):
        for stage in (Stage.DECODING, Stage.DENOISING):
            job.enter_stage(stage, fence=job.fence, at=NOON)
        job.finish_step(step, fence=job.fence, at=NOON)
        end(job, WorkerCrashed())
        job.claim(at=NOON)

    assert (job.status, job.toll.crashes) == (JobStatus.RUNNING, 1)


def test_points_that_are_rejected_again_and_again_keep_no_job_alive() -> None:
    job = a_claimed_job()
    attempts = 0
    while job.status is JobStatus.RUNNING and attempts < 100:
        attempts += 1
        job.enter_stage(Stage.DENOISING, fence=job.fence, at=NOON)
        save_and_die(job, 2)
        if job.status is JobStatus.RUNNING:
            job.reject_resume_point("It is damaged.", fence=job.fence, at=NOON)

    assert job.status is JobStatus.FAILED
    assert attempts == MAX_FORGIVEN_REJECTIONS + 2
