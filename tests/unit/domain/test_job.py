"""The life of a job: what each transition does, refuses and records."""

from collections.abc import Callable

import pytest

from domain.errors import (
    DomainError,
    IllegalTransition,
    NotCancellable,
    OutOfAcceleratorMemory,
    PromptTooLong,
    RenderCancelled,
    RenderFailed,
    RenderSuspended,
    StaleFence,
    WorkerCrashed,
)
from domain.job import Job
from domain.job_event import EventKind, JobStatus
from domain.progress import Stage
from tests.fakes.examples import A_SECOND, NOON, a_job, a_job_that_is, a_request, a_video

LATER = NOON + A_SECOND

#: Everything an attempt may tell, each with the fence it carries.
ATTEMPT_METHODS: dict[str, Callable[[Job, int], None]] = {
    "enter_stage": lambda job, fence: job.enter_stage(Stage.DECODING, fence=fence, at=LATER),
    "finish_step": lambda job, fence: job.finish_step(1, fence=fence, at=LATER),
    "begin_publishing": lambda job, fence: job.begin_publishing(a_video(), fence=fence, at=LATER),
    "complete": lambda job, fence: job.complete(fence=fence, at=LATER),
    "save_resume_point": lambda job, fence: job.save_resume_point(1, fence=fence, at=LATER),
    "resume": lambda job, fence: job.resume(1, fence=fence, at=LATER),
    "reject_resume_point": lambda job, fence: job.reject_resume_point("No.", fence=fence, at=LATER),
    "cancel": lambda job, fence: job.cancel(fence=fence, at=LATER),
    "end_attempt": lambda job, fence: job.end_attempt(RenderSuspended(), fence=fence, at=LATER),
}
WHILE_RUNNING = set(ATTEMPT_METHODS) - {"complete"}
WHILE_PUBLISHING = {"complete", "end_attempt"}


def recorded(job: Job) -> list[EventKind]:
    return [event.kind for event in job.collect_events()]


def end(job: Job, error: DomainError) -> None:
    """Its present attempt ends in `error`, one second later."""
    job.end_attempt(error, fence=job.fence, at=LATER)


def a_claimed_job() -> Job:
    """Running, with its events so far collected."""
    job = a_job_that_is(JobStatus.RUNNING)
    job.collect_events()
    return job


def test_a_submitted_job_waits_and_has_done_nothing() -> None:
    job = a_job()

    assert (job.status, job.fence, job.progress) == (JobStatus.QUEUED, 0, 0.0)
    assert recorded(job) == [EventKind.QUEUED]


def test_events_are_collected_once() -> None:
    job = a_job()

    job.collect_events()

    assert job.collect_events() == ()


def test_a_whole_life_records_every_change_with_the_state_after_it() -> None:
    job = a_job()
    job.claim(at=NOON)
    job.enter_stage(Stage.ENCODING_PROMPT, fence=1, at=NOON)
    job.enter_stage(Stage.DENOISING, fence=1, at=NOON)
    job.finish_step(2, fence=1, at=NOON)
    job.finish_step(4, fence=1, at=NOON)
    job.enter_stage(Stage.DECODING, fence=1, at=NOON)
    job.begin_publishing(a_video(), fence=1, at=NOON)
    job.complete(fence=1, at=LATER)

    events = job.collect_events()

    assert [(event.kind, event.stage, event.progress) for event in events] == [
        (EventKind.QUEUED, None, 0.0),
        (EventKind.STARTED, Stage.LOADING, 0.0),
        (EventKind.STAGE, Stage.ENCODING_PROMPT, 0.05),
        (EventKind.STAGE, Stage.DENOISING, 0.08),
        (EventKind.STEP, Stage.DENOISING, 0.48),
        (EventKind.STEP, Stage.DENOISING, 0.88),
        (EventKind.STAGE, Stage.DECODING, 0.88),
        (EventKind.PUBLISHING, None, 0.99),
        (EventKind.COMPLETED, None, 1.0),
    ]
    assert (job.status, job.video, job.finished_at) == (JobStatus.COMPLETED, a_video(), LATER)


def test_a_second_attempt_has_the_next_fence_and_the_first_start() -> None:
    job = a_claimed_job()
    end(job, RenderSuspended())

    job.claim(at=LATER)

    assert (job.fence, job.started_at) == (2, NOON)


def test_only_an_active_job_has_a_slot() -> None:
    job = a_job()
    job.claim(at=NOON, slot=3)
    while_running = job.slot

    end(job, RenderSuspended())

    assert (while_running, job.slot) == (3, None)


@pytest.mark.parametrize("status", sorted(set(JobStatus) - {JobStatus.QUEUED}))
def test_only_a_waiting_job_is_claimed(status: JobStatus) -> None:
    job = a_job_that_is(status)

    with pytest.raises(IllegalTransition):
        job.claim(at=LATER)


@pytest.mark.parametrize("method", ATTEMPT_METHODS)
def test_what_an_older_attempt_tells_changes_nothing(method: str) -> None:
    job = a_claimed_job()
    end(job, RenderSuspended())
    job.claim(at=NOON)
    before = repr(job)

    with pytest.raises(StaleFence):
        ATTEMPT_METHODS[method](job, 1)

    assert repr(job) == before


@pytest.mark.parametrize("method", ATTEMPT_METHODS)
@pytest.mark.parametrize("status", JobStatus)
def test_an_attempt_moves_only_a_job_that_is_in_the_state_for_it(
    method: str, status: JobStatus
) -> None:
    job = a_job_that_is(status)
    job.collect_events()
    before = repr(job)
    allowed = {JobStatus.RUNNING: WHILE_RUNNING, JobStatus.PUBLISHING: WHILE_PUBLISHING}

    if method in allowed.get(status, set()):
        ATTEMPT_METHODS[method](job, job.fence)
        assert len(job.collect_events()) == 1
    else:
        with pytest.raises(IllegalTransition):
            ATTEMPT_METHODS[method](job, job.fence)
        assert (repr(job), job.collect_events()) == (before, ())


@pytest.mark.parametrize("step", [-1, 0, 2, 5])
def test_a_step_that_cannot_be_is_the_renderers_failure(step: int) -> None:
    # It was an illegal transition, which is taken for a stale attempt: the job ran for ever.
    job = a_claimed_job()
    job.finish_step(3, fence=1, at=NOON)

    with pytest.raises(RenderFailed):
        job.finish_step(step, fence=1, at=NOON)

    assert job.step == 3


def test_a_failed_job_says_why_and_has_no_video() -> None:
    job = a_job_that_is(JobStatus.PUBLISHING)
    job.collect_events()

    end(job, PromptTooLong("9 tokens too many."))

    [event] = job.collect_events()
    assert job.failure is not None
    assert (job.status, job.video, job.finished_at) == (JobStatus.FAILED, None, LATER)
    assert (event.code, event.message) == ("prompt-too-long", "9 tokens too many.")
    assert (job.failure.code, job.failure.message) == (event.code, event.message)


class TestCancelling:
    def test_a_waiting_job_is_cancelled_at_once(self) -> None:
        job = a_job()

        job.request_cancel(at=LATER)

        assert (job.status, job.finished_at) == (JobStatus.CANCELLED, LATER)
        assert recorded(job) == [EventKind.QUEUED, EventKind.CANCELLED]

    def test_a_running_job_is_marked_and_goes_on_until_its_attempt_stops(self) -> None:
        job = a_claimed_job()

        job.request_cancel(at=LATER)

        assert (job.status, job.cancel_requested_at) == (JobStatus.RUNNING, LATER)
        assert recorded(job) == [EventKind.CANCEL_REQUESTED]

    @pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.RUNNING])
    def test_asking_twice_is_asking_once(self, status: JobStatus) -> None:
        job = a_job_that_is(status)
        job.request_cancel(at=NOON)
        before = repr(job)

        job.request_cancel(at=LATER)

        assert repr(job) == before

    @pytest.mark.parametrize(
        "status", [JobStatus.PUBLISHING, JobStatus.COMPLETED, JobStatus.FAILED]
    )
    def test_it_can_be_too_late(self, status: JobStatus) -> None:
        job = a_job_that_is(status)

        with pytest.raises(NotCancellable, match=status):
            job.request_cancel(at=LATER)

    @pytest.mark.parametrize("method", ["begin_publishing", "end_attempt", "cancel"])
    def test_a_marked_job_is_cancelled_however_its_attempt_ends(self, method: str) -> None:
        job = a_claimed_job()
        job.request_cancel(at=NOON)

        ATTEMPT_METHODS[method](job, 1)

        assert (job.status, job.video) == (JobStatus.CANCELLED, None)
        assert recorded(job)[-1] is EventKind.CANCELLED

    @pytest.mark.parametrize("error", [WorkerCrashed(), PromptTooLong(), OutOfAcceleratorMemory()])
    def test_a_marked_job_is_cancelled_whatever_broke_meanwhile(self, error: DomainError) -> None:
        job = a_claimed_job()
        job.request_cancel(at=NOON)

        end(job, error)

        assert (job.status, job.failure) == (JobStatus.CANCELLED, None)

    def test_an_attempt_that_says_it_was_cancelled_cancels_the_job(self) -> None:
        job = a_claimed_job()

        end(job, RenderCancelled())

        assert job.status is JobStatus.CANCELLED


def test_a_requests_steps_are_in_every_event() -> None:
    job = a_job(request=a_request(steps=9))

    assert [event.steps for event in job.collect_events()] == [9]
