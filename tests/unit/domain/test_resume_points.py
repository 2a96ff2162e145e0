"""What a job knows of the work that outlives its attempts."""

import pytest

from domain.errors import RenderFailed, RenderSuspended, WorkerCrashed
from domain.job import Job
from domain.job_event import EventKind, JobStatus
from domain.progress import Stage, progress
from tests.fakes.examples import NOON, a_job_that_is


def a_job_with_a_resume_point(step: int = 2) -> Job:
    """Its first attempt saved `step` of 4 steps, and was stopped one step later."""
    job = a_job_that_is(JobStatus.RUNNING)
    job.enter_stage(Stage.DENOISING, fence=1, at=NOON)
    job.save_resume_point(step, fence=1, at=NOON)
    job.finish_step(step + 1, fence=1, at=NOON)
    job.end_attempt(RenderSuspended(), fence=1, at=NOON)
    job.collect_events()
    return job


def test_a_waiting_job_shows_what_need_not_be_repeated() -> None:
    job = a_job_with_a_resume_point(2)

    assert (job.status, job.stage, job.step) == (JobStatus.QUEUED, None, 2)
    assert job.progress == progress(Stage.DENOISING, step=2, steps=4)


def test_a_waiting_job_without_a_resume_point_begins_again() -> None:
    job = a_job_that_is(JobStatus.RUNNING)
    job.finish_step(3, fence=1, at=NOON)

    job.end_attempt(WorkerCrashed(), fence=1, at=NOON)

    assert (job.step, job.progress) == (0, 0.0)


def test_saving_is_told_with_the_step_the_attempt_has_reached() -> None:
    job = a_job_that_is(JobStatus.RUNNING)
    job.finish_step(1, fence=1, at=NOON)
    job.collect_events()

    job.save_resume_point(2, fence=1, at=NOON)  # durable first, told second

    [event] = job.collect_events()
    assert (event.kind, event.step, job.resume_step) == (EventKind.RESUME_POINT_SAVED, 1, 2)


def test_an_attempt_that_goes_on_stands_where_the_other_stopped() -> None:
    job = a_job_with_a_resume_point(2)
    job.claim(at=NOON)
    before = job.step
    job.collect_events()

    job.resume(2, fence=2, at=NOON)

    [event] = job.collect_events()
    assert (before, job.step) == (0, 2)
    assert (event.kind, event.step, event.message) == (
        EventKind.RESUMED,
        2,
        "It goes on after step 2.",
    )
    assert event.progress == progress(Stage.DENOISING, step=2, steps=4)


def test_a_point_that_was_saved_but_never_told_is_taken_as_it_is() -> None:
    # The worker died between the file and the report: the file is ahead of what the job knows.
    job = a_job_with_a_resume_point(2)
    job.claim(at=NOON)

    job.resume(3, fence=2, at=NOON)
    job.end_attempt(WorkerCrashed(), fence=2, at=NOON)

    assert (job.step, job.resume_step) == (3, 3)


def test_a_rejected_point_is_told_and_counts_for_nothing() -> None:
    job = a_job_with_a_resume_point(2)
    job.claim(at=NOON)
    job.collect_events()

    job.reject_resume_point("It is damaged.", fence=2, at=NOON)
    job.end_attempt(WorkerCrashed(), fence=2, at=NOON)

    rejected, _ = job.collect_events()
    assert (rejected.kind, rejected.message) == (EventKind.RESUME_REJECTED, "It is damaged.")
    assert (job.step, job.resume_step) == (0, 0)


@pytest.mark.parametrize("step", [-1, 0, 5])
def test_a_point_at_a_step_that_cannot_be_is_the_renderers_failure(step: int) -> None:
    job = a_job_that_is(JobStatus.RUNNING)

    with pytest.raises(RenderFailed):
        job.save_resume_point(step, fence=1, at=NOON)
    with pytest.raises(RenderFailed):
        job.resume(step, fence=1, at=NOON)

    assert job.resume_step == 0


def test_an_attempt_does_not_go_back_to_a_point_it_has_passed() -> None:
    job = a_job_that_is(JobStatus.RUNNING)
    job.finish_step(3, fence=1, at=NOON)

    with pytest.raises(RenderFailed, match="step 2 of 4 after step 3"):
        job.resume(2, fence=1, at=NOON)
