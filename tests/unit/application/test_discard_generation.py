"""Deleting what is not over yet."""

import pytest

from application.cancel_generation import CancelGeneration
from application.delete_generation import DeleteGeneration
from application.discard_generation import DiscardGeneration
from application.disk_gate import DiskGate
from application.dispatch_jobs import DispatchJobs
from application.queries import Queries
from application.tidy_library import TidyLibrary
from domain.errors import UnknownJob
from domain.job_event import JobStatus
from domain.library_errors import NotDeletable
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.clock import FakeClock
from tests.fakes.examples import a_job_that_is
from tests.fakes.excerpt_store import FakeExcerptStore
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.resume_store import FakeResumeStore


@pytest.fixture
def discard(
    jobs: InMemoryJobs,
    store: FakeArtifactStore,
    resume_store: FakeResumeStore,
    gate: DiskGate,
    clock: FakeClock,
) -> DiscardGeneration:
    dispatch = DispatchJobs(jobs.queue, [], gate, clock)
    tidy = TidyLibrary(jobs.library, store, FakeExcerptStore(), clock, trash_days=7, keep_days=None)
    return DiscardGeneration(
        Queries(jobs.repository, jobs.queue, jobs.event_log, dispatch, gate),
        CancelGeneration(jobs.repository, [], resume_store, clock),
        DeleteGeneration(jobs.library, tidy, clock),
        patience_s=0.01,
    )


@pytest.mark.parametrize(
    "status",
    [JobStatus.QUEUED, JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED],
)
async def test_what_waits_or_is_over_is_deleted(
    status: JobStatus, discard: DiscardGeneration, jobs: InMemoryJobs
) -> None:
    await jobs.repository.add(a_job_that_is(status))

    await discard.execute("gen_1")

    assert (await jobs.library.get("gen_1")).is_hidden
    assert (await jobs.repository.get("gen_1")).status.is_terminal


@pytest.mark.parametrize("status", [JobStatus.RUNNING, JobStatus.PUBLISHING])
async def test_what_does_not_end_is_kept(
    status: JobStatus, discard: DiscardGeneration, jobs: InMemoryJobs
) -> None:
    await jobs.repository.add(a_job_that_is(status))

    with pytest.raises(NotDeletable, match="ask again"):
        await discard.execute("gen_1")

    assert not (await jobs.library.get("gen_1")).is_hidden
    asked = (await jobs.repository.get("gen_1")).cancel_requested_at
    assert (asked is not None) == (status is JobStatus.RUNNING)


async def test_what_nobody_knows_is_unknown(discard: DiscardGeneration) -> None:
    with pytest.raises(UnknownJob):
        await discard.execute("gen_nobody")
