"""One attempt, from the claimed job to however it ends."""

import asyncio
from collections.abc import Sequence

import pytest

from application import run_generation
from application.run_generation import RunGeneration
from domain.errors import (
    CheckpointBroken,
    DiskFull,
    DomainError,
    OutOfAcceleratorMemory,
    RenderCancelled,
    RenderFailed,
    StorageError,
    WorkerCrashed,
    WorkerUnavailable,
)
from domain.job import Job
from domain.job_event import EventKind, JobStatus
from domain.progress import Stage
from domain.rendering import StageEntered, StepFinished
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.clock import FakeClock
from tests.fakes.examples import NOON, a_job
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.renderer import Deed, FakeRenderer, Hangs, Meets, Stages


class Attempt:
    """A claimed job and the use case that runs it; `end` is the job afterwards."""

    def __init__(self, jobs: InMemoryJobs, store: FakeArtifactStore, clock: FakeClock) -> None:
        self.jobs, self.store, self._clock = jobs, store, clock

    async def begin(self, *script: Deed) -> asyncio.Task[None]:
        await self.jobs.repository.add(a_job())
        claimed = await self.jobs.queue.claim(at=NOON)
        assert claimed is not None
        renderer = FakeRenderer(self.store, script)
        run = RunGeneration(self.jobs.repository, renderer, self.store, self._clock)
        return asyncio.create_task(run.execute(claimed))

    async def run(self, *script: Deed) -> Job:
        await (await self.begin(*script))
        return self.end

    @property
    def end(self) -> Job:
        [job] = self.jobs.kept
        return job

    @property
    def kinds(self) -> Sequence[EventKind]:
        return [logged.event.kind for logged in self.jobs.events]


@pytest.fixture
def attempt(jobs: InMemoryJobs, store: FakeArtifactStore, clock: FakeClock) -> Attempt:
    return Attempt(jobs, store, clock)


async def test_a_good_run_completes_the_job_and_publishes_its_file(attempt: Attempt) -> None:
    job = await attempt.run(
        StageEntered(stage=Stage.DENOISING), StepFinished(step=1), StepFinished(step=4), Stages()
    )

    assert job.status is JobStatus.COMPLETED
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


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (OutOfAcceleratorMemory(), "gpu-out-of-memory", False),
        (CheckpointBroken(), "model-corrupt", False),
        (RenderFailed(), "internal", False),
    ],
)
async def test_a_run_that_fails_fails_the_job_with_its_reason(
    attempt: Attempt, error: DomainError, code: str, retryable: bool
) -> None:
    job = await attempt.run(StageEntered(stage=Stage.LOADING), error)

    assert job.status is JobStatus.FAILED
    assert job.failure is not None
    assert (job.failure.code, job.failure.message) == (code, error.message)
    assert job.failure.retryable is retryable


async def test_a_run_that_ends_without_a_video_fails_the_job(attempt: Attempt) -> None:
    # The job stayed running, with nobody left to bring it on.
    job = await attempt.run(StageEntered(stage=Stage.DECODING))

    assert job.status is JobStatus.FAILED


async def test_a_step_that_cannot_be_fails_the_job(attempt: Attempt) -> None:
    # It was taken for the report of a stale attempt, and the job stayed running.
    job = await attempt.run(StepFinished(step=99), Stages())

    assert job.status is JobStatus.FAILED
    assert attempt.store.staged == []


async def test_a_worker_that_dies_gives_the_job_back(attempt: Attempt) -> None:
    job = await attempt.run(StageEntered(stage=Stage.LOADING), WorkerCrashed("signal 9"))

    assert (job.status, job.crashes) == (JobStatus.QUEUED, 1)


async def test_a_cancelled_run_cancels_the_job(attempt: Attempt) -> None:
    job = await attempt.run(StageEntered(stage=Stage.LOADING), RenderCancelled())

    assert job.status is JobStatus.CANCELLED


async def test_a_mark_that_never_reached_the_renderer_cancels_at_the_next_report(
    attempt: Attempt,
) -> None:
    here, go = asyncio.Event(), asyncio.Event()
    run = await attempt.begin(
        Meets(here, go), StageEntered(stage=Stage.DENOISING), Hangs(), Stages()
    )
    await here.wait()
    await attempt.jobs.repository.update("gen_1", lambda job: job.request_cancel(at=NOON))
    go.set()

    await run

    assert attempt.end.status is JobStatus.CANCELLED


async def test_a_job_cancelled_when_its_video_is_whole_leaves_no_file(attempt: Attempt) -> None:
    # The staged file stayed for ever.
    here, go = asyncio.Event(), asyncio.Event()
    run = await attempt.begin(Meets(here, go), Stages())
    await here.wait()
    await attempt.jobs.repository.update("gen_1", lambda job: job.request_cancel(at=NOON))
    go.set()

    await run

    assert attempt.end.status is JobStatus.CANCELLED
    assert attempt.store.staged == []


async def test_an_attempt_that_was_overtaken_changes_nothing(attempt: Attempt) -> None:
    here, go = asyncio.Event(), asyncio.Event()
    run = await attempt.begin(Meets(here, go), Stages())
    await here.wait()
    await attempt.jobs.repository.update("gen_1", lambda job: _run_again(job))
    go.set()

    await run

    assert (attempt.end.status, attempt.end.fence) == (JobStatus.RUNNING, 2)


async def test_a_failure_of_an_attempt_that_was_overtaken_changes_nothing(
    attempt: Attempt,
) -> None:
    here, go = asyncio.Event(), asyncio.Event()
    run = await attempt.begin(Meets(here, go), OutOfAcceleratorMemory())
    await here.wait()
    await attempt.jobs.repository.update("gen_1", lambda job: _run_again(job))
    go.set()

    await run

    assert (attempt.end.status, attempt.end.fence) == (JobStatus.RUNNING, 2)


async def test_a_server_that_stops_gives_the_job_back_uncharged(attempt: Attempt) -> None:
    here = asyncio.Event()
    run = await attempt.begin(Meets(here, asyncio.Event()))
    await here.wait()

    run.cancel()

    with pytest.raises(asyncio.CancelledError):
        await run
    job = attempt.end
    assert (job.status, job.crashes, job.interruptions) == (JobStatus.QUEUED, 0, 1)


async def test_a_server_that_stops_keeps_a_video_that_only_has_to_be_published(
    attempt: Attempt,
) -> None:
    # The finished video was thrown away and rendered again.
    attempt.store.may_publish.clear()
    run = await attempt.begin(Stages())
    await attempt.jobs.wait(lambda: attempt.end.status is JobStatus.PUBLISHING, timeout_s=5)

    run.cancel()

    with pytest.raises(asyncio.CancelledError):
        await run
    assert attempt.end.status is JobStatus.PUBLISHING
    assert attempt.store.staged == ["gen_1.1"]
    attempt.store.may_publish.set()


async def test_a_server_that_stops_stops_even_when_the_job_cannot_be_kept(
    attempt: Attempt,
) -> None:
    # The storage error took the cancellation's place, and the server never stopped.
    here = asyncio.Event()
    run = await attempt.begin(Meets(here, asyncio.Event()))
    await here.wait()
    attempt.jobs.refusals.append(DiskFull())

    run.cancel()

    with pytest.raises(asyncio.CancelledError):
        await run
    assert attempt.end.status is JobStatus.RUNNING


async def test_an_end_that_cannot_be_kept_is_the_callers_to_settle(attempt: Attempt) -> None:
    here, go = asyncio.Event(), asyncio.Event()
    run = await attempt.begin(Meets(here, go), Stages())
    await here.wait()
    attempt.jobs.refusals += [StorageError(), StorageError()]
    go.set()

    with pytest.raises(StorageError):
        await run

    assert attempt.end.status is JobStatus.RUNNING


def _run_again(job: Job) -> None:
    job.interrupt("elsewhere", fence=1, at=NOON)
    job.claim(at=NOON)


@pytest.mark.parametrize("error", [DiskFull(), WorkerUnavailable()])
async def test_what_is_no_fault_of_the_job_is_left_to_the_dispatcher(
    attempt: Attempt, error: DomainError
) -> None:
    with pytest.raises(type(error)):
        await attempt.run(StageEntered(stage=Stage.DENOISING), error)

    assert attempt.end.status is JobStatus.RUNNING


async def test_a_video_that_cannot_be_published_yet_is_published_later(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It was thrown away, and an hour of work with it.
    monkeypatch.setattr(run_generation, "STORAGE_RETRY_S", 0.01)
    attempt.store.refusal = StorageError("Input/output error")
    run = await attempt.begin(Stages())
    await attempt.jobs.wait(lambda: attempt.end.status is JobStatus.PUBLISHING, timeout_s=5)
    await asyncio.sleep(0.05)
    assert attempt.end.status is JobStatus.PUBLISHING

    attempt.store.refusal = None
    await run

    assert attempt.end.status is JobStatus.COMPLETED
