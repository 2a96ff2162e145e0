"""What a dead server left behind."""

import logging
from pathlib import Path

import pytest

from application.recover_jobs import RecoverJobs
from domain.errors import StorageError
from domain.job import Job
from domain.job_event import JobStatus
from domain.progress import Stage
from domain.toll import STORAGE_PAUSE_S, Toll
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.clock import FakeClock
from tests.fakes.examples import A_SECOND, NOON, a_job, a_job_that_is, a_video
from tests.fakes.image_store import FakeImageStore
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.resume_store import FakeResumeStore


@pytest.fixture
def recover(
    jobs: InMemoryJobs,
    store: FakeArtifactStore,
    resume_store: FakeResumeStore,
    clock: FakeClock,
    tmp_path: Path,
) -> RecoverJobs:
    images = FakeImageStore(tmp_path / "images")
    return RecoverJobs(jobs.repository, store, resume_store, images, clock)


def a_publishing_job(store: FakeArtifactStore) -> Job:
    """Its video is staged and sealed; the server died before it was published."""
    job = a_job_that_is(JobStatus.RUNNING)
    staged = store.stage(job.id, job.fence)
    staged.write_text("frames")
    sealed = store.seal(staged)
    job.enter_stage(Stage.ENCODING_VIDEO, fence=1, at=NOON)
    job.begin_publishing(a_video(sha256=sealed.sha256), fence=1, at=NOON)
    return job


async def test_a_staged_video_is_published_without_rendering_again(
    recover: RecoverJobs, jobs: InMemoryJobs, store: FakeArtifactStore
) -> None:
    await jobs.repository.add(a_publishing_job(store))

    assert await recover.execute() == 1

    assert (await jobs.repository.get("gen_1")).status is JobStatus.COMPLETED
    assert store.locate("gen_1").read_text() == "frames"


async def test_a_video_that_was_published_already_is_adopted(
    recover: RecoverJobs, jobs: InMemoryJobs, store: FakeArtifactStore
) -> None:
    job = a_publishing_job(store)
    assert job.video is not None
    store.publish("gen_1", 1, sha256=job.video.sha256)
    await jobs.repository.add(job)

    await recover.execute()

    assert (await jobs.repository.get("gen_1")).status is JobStatus.COMPLETED


async def test_a_job_whose_file_is_lost_runs_again(
    recover: RecoverJobs, jobs: InMemoryJobs
) -> None:
    await jobs.repository.add(a_job_that_is(JobStatus.PUBLISHING))

    await recover.execute()

    assert (await jobs.repository.get("gen_1")).status is JobStatus.QUEUED


async def test_a_file_that_cannot_be_read_keeps_its_job_waiting_and_nobody_else(
    recover: RecoverJobs,
    jobs: InMemoryJobs,
    store: FakeArtifactStore,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # The server did not start.
    await jobs.repository.add(a_publishing_job(store))
    await jobs.repository.add(a_job_that_is(JobStatus.RUNNING, "gen_2", slot=1))
    store.refusal = StorageError("Input/output error")

    assert await recover.execute() == 2

    unreadable, other = jobs.kept
    assert (unreadable.status, unreadable.toll) == (JobStatus.QUEUED, Toll())
    assert unreadable.run_after == NOON + STORAGE_PAUSE_S * A_SECOND
    assert (other.status, other.run_after) == (JobStatus.QUEUED, None)
    assert "Input/output error" in [getattr(record, "reason", None) for record in caplog.records]


async def test_what_cannot_be_tidied_holds_nothing_up(
    recover: RecoverJobs, jobs: InMemoryJobs, resume_store: FakeResumeStore
) -> None:
    await jobs.repository.add(a_job_that_is(JobStatus.FAILED))
    resume_store.keep("gen_1", 1, b"latents")
    resume_store.refusal = StorageError("Read-only file system")

    assert await recover.execute() == 0


async def test_a_running_job_waits_again_uncharged_and_its_half_file_is_gone(
    recover: RecoverJobs, jobs: InMemoryJobs, store: FakeArtifactStore
) -> None:
    await jobs.repository.add(a_job_that_is(JobStatus.RUNNING))
    store.stage("gen_1", 1).write_text("half")

    await recover.execute()

    job = await jobs.repository.get("gen_1")
    assert (job.status, job.toll) == (JobStatus.QUEUED, Toll(interruptions=1))
    assert store.staged == []


async def test_a_running_job_that_was_to_be_cancelled_is(
    recover: RecoverJobs, jobs: InMemoryJobs
) -> None:
    job = a_job_that_is(JobStatus.RUNNING)
    job.request_cancel(at=NOON)
    await jobs.repository.add(job)

    await recover.execute()

    assert (await jobs.repository.get("gen_1")).status is JobStatus.CANCELLED


async def test_jobs_that_wait_or_have_ended_are_left_alone(
    recover: RecoverJobs, jobs: InMemoryJobs
) -> None:
    await jobs.repository.add(a_job("gen_waiting"))
    await jobs.repository.add(a_job_that_is(JobStatus.FAILED))
    before = jobs.kept

    assert await recover.execute() == 0

    assert jobs.kept == before


async def test_more_jobs_than_one_page_are_all_recovered(
    recover: RecoverJobs, jobs: InMemoryJobs
) -> None:
    for number in range(60):
        await jobs.repository.add(a_job_that_is(JobStatus.RUNNING, f"gen_{number}", slot=number))

    assert await recover.execute() == 60

    assert {job.status for job in jobs.kept} == {JobStatus.QUEUED}


async def test_a_resume_point_stays_with_a_job_that_goes_on_and_goes_with_one_that_is_over(
    recover: RecoverJobs, jobs: InMemoryJobs, resume_store: FakeResumeStore
) -> None:
    await jobs.repository.add(a_job_that_is(JobStatus.RUNNING, "gen_running"))
    await jobs.repository.add(a_job_that_is(JobStatus.FAILED, "gen_failed"))
    for job_id in ("gen_running", "gen_failed", "gen_of_nobody"):
        resume_store.keep(job_id, 1, b"latents")

    await recover.execute()

    assert list(resume_store.job_ids()) == ["gen_of_nobody", "gen_running"]


async def test_what_dead_attempts_staged_is_removed_and_what_nobody_knows_is_left(
    recover: RecoverJobs, store: FakeArtifactStore, caplog: pytest.LogCaptureFixture
) -> None:
    staged = store.stage("gen_dead", 3)
    staged.write_text("half")
    stranger = staged.with_name("thesis.txt")
    stranger.write_text("years of work")

    with caplog.at_level(logging.WARNING):
        await recover.execute()

    assert not staged.exists()
    assert stranger.read_text() == "years of work"
    assert [record.file for record in caplog.records] == ["thesis.txt"]


async def test_what_was_begun_of_an_upload_is_removed(recover: RecoverJobs, tmp_path: Path) -> None:
    # They stayed for ever.
    part = tmp_path / "images" / "img_0.part"
    part.parent.mkdir()
    part.write_bytes(b"pn")

    await recover.execute()

    assert not part.exists()
