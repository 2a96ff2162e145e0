"""What is counted of what happens."""

from datetime import timedelta

import pytest

from application.measure_jobs import MeasureJobs
from domain.errors import RenderSuspended, WorkerCrashed
from domain.job import Job
from domain.job_event import JobStatus
from domain.progress import Stage
from tests.fakes.clock import FakeClock
from tests.fakes.examples import NOON, a_job, a_video
from tests.fakes.job_metrics import FakeJobMetrics
from tests.fakes.jobs import InMemoryJobs


@pytest.fixture
def jobs() -> InMemoryJobs:
    return InMemoryJobs()


@pytest.fixture
def metrics() -> FakeJobMetrics:
    return FakeJobMetrics()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def measuring(jobs: InMemoryJobs, metrics: FakeJobMetrics, clock: FakeClock) -> MeasureJobs:
    return MeasureJobs(jobs.event_log, jobs.repository, metrics, clock)


def after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


async def test_a_job_is_told_from_its_submission_to_its_video(
    jobs: InMemoryJobs, metrics: FakeJobMetrics, measuring: MeasureJobs
) -> None:
    await jobs.repository.add(a_job())
    await jobs.queue.claim(at=NOON + after(5))

    def run(job: Job) -> None:
        job.enter_stage(Stage.LOADING, fence=1, at=NOON + after(5.5))
        job.enter_stage(Stage.DENOISING, fence=1, at=NOON + after(7))
        job.finish_step(1, fence=1, at=NOON + after(10))
        job.finish_step(2, fence=1, at=NOON + after(12))
        job.enter_stage(Stage.DECODING, fence=1, at=NOON + after(12))
        job.begin_publishing(a_video(), fence=1, at=NOON + after(13))
        job.complete(fence=1, at=NOON + after(13.5))

    await jobs.repository.update("gen_1", run)

    await measuring.catch_up()

    assert metrics.told == [
        ("submitted", "mini"),
        ("began", "mini", 5.0),
        ("stage ended", "mini", "loading", 2.0),
        ("step ended", "mini", 3.0),
        ("step ended", "mini", 2.0),
        ("stage ended", "mini", "denoising", 5.0),
        ("stage ended", "mini", "decoding", 1.0),
        ("stage ended", "mini", "publishing", 0.5),
        ("finished", "mini", JobStatus.COMPLETED, "", 8.5),
    ]


async def test_what_a_dead_attempt_lost_is_counted_from_what_it_had_saved(
    jobs: InMemoryJobs, metrics: FakeJobMetrics, measuring: MeasureJobs
) -> None:
    await jobs.repository.add(a_job())
    await jobs.queue.claim(at=NOON)

    def die(job: Job) -> None:
        job.enter_stage(Stage.DENOISING, fence=1, at=NOON)
        job.finish_step(1, fence=1, at=NOON + after(60))
        job.save_resume_point(1, fence=1, at=NOON + after(60))
        job.end_attempt(WorkerCrashed(), fence=1, at=NOON + after(75))

    await jobs.repository.update("gen_1", die)

    await measuring.catch_up()

    assert metrics.told[-1] == ("requeued", "worker-crashed", 15.0)


async def test_what_failed_is_told_with_its_code_and_what_never_ran_without_a_time(
    jobs: InMemoryJobs, metrics: FakeJobMetrics, measuring: MeasureJobs
) -> None:
    await jobs.repository.add(a_job())
    await jobs.repository.update("gen_1", lambda job: job.request_cancel(at=NOON))
    await jobs.repository.add(a_job("gen_2"))
    for _ in range(2):
        job = await jobs.queue.claim(at=NOON)
        assert job is not None
        fence = job.fence
        await jobs.repository.update(
            "gen_2",
            lambda job, fence=fence: job.end_attempt(WorkerCrashed(), fence=fence, at=NOON),
        )

    await measuring.catch_up()

    ends = [told for told in metrics.told if told[0] == "finished"]
    assert ends == [
        ("finished", "mini", JobStatus.CANCELLED, "", None),
        ("finished", "mini", JobStatus.FAILED, "quarantined", 0.0),
    ]


async def test_what_happened_before_the_start_is_not_counted_and_what_goes_on_is(
    jobs: InMemoryJobs, metrics: FakeJobMetrics, measuring: MeasureJobs
) -> None:
    await jobs.repository.add(a_job())
    await jobs.queue.claim(at=NOON)
    await measuring.begin()

    await jobs.repository.update(
        "gen_1", lambda job: job.end_attempt(RenderSuspended(), fence=1, at=NOON)
    )
    await measuring.catch_up()

    assert metrics.told == [("requeued", "interrupted", 0.0)]


async def test_silence_is_counted_by_a_clock_that_nobody_sets(
    jobs: InMemoryJobs, measuring: MeasureJobs, clock: FakeClock
) -> None:
    await jobs.repository.add(a_job())
    await jobs.queue.claim(at=NOON)
    await measuring.catch_up()

    clock.advance(40)
    clock.set_forwards(3600)

    assert measuring.silence_s("gen_1") == 40
    assert measuring.silence_s("gen_2") is None
