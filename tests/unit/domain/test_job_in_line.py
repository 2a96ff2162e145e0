"""What may be done with a job's place in line, and with one that has ended."""

import pytest

from domain.derivation import Derivation
from domain.errors import IllegalTransition, NotRetryable
from domain.job_event import EventKind, JobStatus
from tests.fakes.examples import A_SECOND, NOON, a_job, a_job_that_is

LATER = NOON + A_SECOND


def test_a_waiting_job_may_be_moved() -> None:
    job = a_job(priority=1)
    job.collect_events()

    job.move(7, at=LATER)

    assert job.priority == 7
    assert [(event.kind, event.at) for event in job.collect_events()] == [(EventKind.MOVED, LATER)]


@pytest.mark.parametrize("status", sorted(set(JobStatus) - {JobStatus.QUEUED}))
def test_a_job_that_does_not_wait_has_no_place(status: JobStatus) -> None:
    job = a_job_that_is(status)

    with pytest.raises(IllegalTransition):
        job.move(7, at=LATER)

    assert job.priority == 0


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED])
def test_what_ended_without_a_video_is_asked_for_again_by_a_new_job(status: JobStatus) -> None:
    job = a_job_that_is(status)
    job.made_from, job.made_as = "gen_0", Derivation.EDIT
    before = repr(job)

    again = job.again("gen_2", at=LATER)

    assert (again.id, again.retry_of, again.status) == ("gen_2", "gen_1", JobStatus.QUEUED)
    assert (again.made_from, again.made_as) == ("gen_0", Derivation.EDIT)
    assert (again.request, again.client, again.fence) == (job.request, job.client, 0)
    assert (again.created_at, again.toll.crashes) == (LATER, 0)
    assert repr(job) == before


@pytest.mark.parametrize("status", sorted(set(JobStatus) - {JobStatus.FAILED, JobStatus.CANCELLED}))
def test_what_has_not_failed_is_not_asked_for_again(status: JobStatus) -> None:
    with pytest.raises(NotRetryable, match=status):
        a_job_that_is(status).again("gen_2", at=LATER)


def test_only_a_job_that_asked_for_it_stops_another() -> None:
    assert not a_job(priority=9).preempts
    assert a_job(preempts=True).preempts


def test_who_asks_again_does_not_stop_another_without_saying_so() -> None:
    job = a_job(preempts=True)
    job.request_cancel(at=NOON)

    assert not job.again("gen_2", at=LATER).preempts
