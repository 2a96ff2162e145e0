"""What a trace shows of a job."""

from datetime import timedelta

import pytest

from application.trace_jobs import TraceJobs
from domain.errors import PromptTooLong, WorkerCrashed
from domain.job import Job
from domain.job_trace import Span
from domain.progress import Stage
from tests.fakes.examples import NOON, a_job, a_video
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.span_exporter import FakeSpanExporter

CALLERS = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def jobs() -> InMemoryJobs:
    return InMemoryJobs()


@pytest.fixture
def exporter() -> FakeSpanExporter:
    return FakeSpanExporter()


@pytest.fixture
def tracing(jobs: InMemoryJobs, exporter: FakeSpanExporter) -> TraceJobs:
    return TraceJobs(jobs.event_log, jobs.repository, exporter)


def after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def told(span: Span) -> list[tuple[str, float]]:
    """Its parts and how many seconds each took."""
    return [(part.name, (part.ended_at - part.began_at).total_seconds()) for part in span.parts]


async def test_a_job_is_its_wait_and_its_stages_under_the_callers_span(
    jobs: InMemoryJobs, exporter: FakeSpanExporter, tracing: TraceJobs
) -> None:
    job = a_job()
    job.traceparent = CALLERS
    await jobs.repository.add(job)
    await jobs.queue.claim(at=NOON + after(5))
    await tracing.catch_up()
    assert exporter.exported == [], "nothing is told before it is over"

    def run(job: Job) -> None:
        job.enter_stage(Stage.LOADING, fence=1, at=NOON + after(5.5))
        job.enter_stage(Stage.ENCODING_PROMPT, fence=1, at=NOON + after(7))
        job.enter_stage(Stage.DENOISING, fence=1, at=NOON + after(8))
        job.finish_step(1, fence=1, at=NOON + after(10))
        job.enter_stage(Stage.DECODING, fence=1, at=NOON + after(12))
        job.begin_publishing(a_video(), fence=1, at=NOON + after(13))
        job.complete(fence=1, at=NOON + after(13.5))

    await jobs.repository.update("gen_1", run)
    await tracing.catch_up()

    [(span, under)] = exporter.exported
    assert under == CALLERS
    assert (span.name, span.problem, span.attributes["wan.outcome"]) == (
        "generation", None, "completed",
    )  # fmt: skip
    assert told(span) == [("queued", 5.0), ("attempt", 8.5)]
    assert told(span.parts[1]) == [
        ("loading", 2.0), ("encoding_prompt", 1.0), ("denoising", 4.0), ("decoding", 1.0),
        ("publishing", 0.5),
    ]  # fmt: skip
    assert job.request.prompt not in str(span)


async def test_each_attempt_says_what_it_ended_in(
    jobs: InMemoryJobs, exporter: FakeSpanExporter, tracing: TraceJobs
) -> None:
    await jobs.repository.add(a_job())
    await jobs.queue.claim(at=NOON + after(1))
    await jobs.repository.update(
        "gen_1", lambda job: job.end_attempt(WorkerCrashed(), fence=1, at=NOON + after(3))
    )
    await jobs.queue.claim(at=NOON + after(60))
    await jobs.repository.update(
        "gen_1", lambda job: job.end_attempt(PromptTooLong(), fence=2, at=NOON + after(62))
    )

    await tracing.catch_up()

    [(span, _)] = exporter.exported
    assert told(span) == [("queued", 1.0), ("attempt", 2.0), ("queued", 57.0), ("attempt", 2.0)]
    problems = [part.problem for part in span.parts]
    assert problems == [None, "worker-crashed", None, "prompt-too-long"]
    assert (span.problem, span.attributes["wan.attempts"]) == ("prompt-too-long", 2)


async def test_one_that_never_ran_only_waited(
    jobs: InMemoryJobs, exporter: FakeSpanExporter, tracing: TraceJobs
) -> None:
    await jobs.repository.add(a_job())
    await jobs.repository.update("gen_1", lambda job: job.request_cancel(at=NOON + after(4)))

    await tracing.catch_up()

    [(span, under)] = exporter.exported
    assert (told(span), span.problem, under) == ([("queued", 4.0)], None, None)


async def test_a_clock_that_was_set_back_gives_no_negative_times(
    jobs: InMemoryJobs, exporter: FakeSpanExporter, tracing: TraceJobs
) -> None:
    await jobs.repository.add(a_job())
    await jobs.repository.update("gen_1", lambda job: job.request_cancel(at=NOON - after(4)))

    await tracing.catch_up()

    assert told(exporter.exported[0][0]) == [("queued", 0.0)]


async def test_what_was_over_before_it_began_is_not_told(
    jobs: InMemoryJobs, exporter: FakeSpanExporter, tracing: TraceJobs
) -> None:
    await jobs.repository.add(a_job())
    await jobs.repository.update("gen_1", lambda job: job.request_cancel(at=NOON))

    await tracing.begin()
    await tracing.catch_up()

    assert exporter.exported == []
