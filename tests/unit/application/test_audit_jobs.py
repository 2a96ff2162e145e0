"""An audit of everything that is kept."""

import asyncio

import pytest

from application.audit_jobs import AuditJobs
from domain.audit import Finding
from domain.job_event import JobStatus
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.examples import NOON, a_job, a_job_that_is
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.renderer import Stages
from tests.unit.application.attempt import Attempt


@pytest.fixture
def auditing(jobs: InMemoryJobs, store: FakeArtifactStore) -> AuditJobs:
    return AuditJobs(jobs.repository, jobs.event_log, jobs.library, store)


async def findings(auditing: AuditJobs) -> list[Finding]:
    return [finding async for finding in auditing.execute()]


async def test_what_was_made_and_what_waits_is_as_it_must_be(
    auditing: AuditJobs, attempt: Attempt, jobs: InMemoryJobs
) -> None:
    await attempt.make(Stages())
    for number in range(2, 250):  # more than a page
        await jobs.repository.add(a_job(f"gen_{number}"))

    assert await findings(auditing) == []
    assert auditing.jobs_seen == 249


async def test_a_video_that_was_altered_or_removed_is_found(
    auditing: AuditJobs, attempt: Attempt, store: FakeArtifactStore
) -> None:
    await attempt.make(Stages())
    path = store.locate("gen_1")

    path.write_text("another video")
    [altered] = await findings(auditing)
    path.unlink()
    [gone] = await findings(auditing)

    assert {altered.invariant, gone.invariant} == {"I5"}
    assert {altered.subject, gone.subject} == {"gen_1"}
    assert altered.message != gone.message


@pytest.mark.parametrize("status", [None, JobStatus.FAILED, JobStatus.QUEUED])
async def test_a_video_of_nobody_or_of_a_job_without_one_is_found(
    status: JobStatus | None, auditing: AuditJobs, jobs: InMemoryJobs, store: FakeArtifactStore
) -> None:
    if status:
        await jobs.repository.add(a_job_that_is(status))
    staged = store.stage("gen_1", 1)
    staged.write_text("a video")
    store.publish("gen_1", 1, sha256=store.seal(staged).sha256)

    [finding] = await findings(auditing)

    assert (finding.invariant, finding.subject) == ("I6", "gen_1")


async def test_a_job_that_moves_meanwhile_is_no_finding(
    auditing: AuditJobs, jobs: InMemoryJobs
) -> None:
    await jobs.repository.add(a_job())
    auditing_task = asyncio.create_task(findings(auditing))

    await jobs.repository.update("gen_1", lambda job: job.claim(at=NOON))

    assert await auditing_task == []
