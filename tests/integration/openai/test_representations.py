"""What OpenAI's clients see of each state of a generation: four words, and no other."""

import pytest

from adapters.http.openai.representations import video
from domain.job_event import JobStatus
from tests.fakes.examples import a_job_that_is


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (JobStatus.QUEUED, "queued"),
        (JobStatus.RUNNING, "in_progress"),
        (JobStatus.PUBLISHING, "in_progress"),
        (JobStatus.COMPLETED, "completed"),
        (JobStatus.FAILED, "failed"),
        (JobStatus.CANCELLED, "failed"),
    ],
)
def test_every_state_is_one_of_four(status: JobStatus, told: str) -> None:
    job = a_job_that_is(status)
    shown = video(job)

    assert shown.status == told
    assert (shown.error is not None) == (told == "failed")
    assert (shown.completed_at is not None) == (told == "completed")
    assert 0 <= shown.progress <= 100
    assert (shown.progress == 100) == (told == "completed")


def test_every_state_has_been_looked_at() -> None:
    assert {video(a_job_that_is(status)).status for status in JobStatus} == {
        "queued",
        "in_progress",
        "completed",
        "failed",
    }


def test_a_failure_is_told_with_its_code_and_no_folder() -> None:
    failed = a_job_that_is(JobStatus.FAILED)
    assert failed.failure is not None

    error = video(failed).error

    assert error is not None
    assert error.code == failed.failure.code.replace("-", "_")
    assert "/" not in error.message
