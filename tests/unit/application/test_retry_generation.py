"""Asking again."""

import pytest

from application.disk_gate import DiskGate
from application.retry_generation import RetryGeneration
from domain.errors import DiskFull, NotRetryable, UnknownJob
from domain.job_event import JobStatus
from tests.fakes.clock import FakeClock
from tests.fakes.examples import a_job_that_is
from tests.fakes.hardware_probe import GIB, FakeHardwareProbe
from tests.fakes.jobs import InMemoryJobs


@pytest.fixture
def retry(jobs: InMemoryJobs, gate: DiskGate, clock: FakeClock) -> RetryGeneration:
    return RetryGeneration(jobs.repository, gate, clock, new_id=lambda: "gen_again")


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED])
async def test_a_new_job_asks_for_the_same_and_the_old_one_stays(
    status: JobStatus, retry: RetryGeneration, jobs: InMemoryJobs
) -> None:
    await jobs.repository.add(a_job_that_is(status))
    [old] = jobs.kept

    again = await retry.execute("gen_1")

    assert jobs.kept == [old, again]
    assert (again.id, again.retry_of, again.status) == ("gen_again", "gen_1", JobStatus.QUEUED)
    assert again.request == old.request


@pytest.mark.parametrize(
    "status", sorted(set(JobStatus) - {JobStatus.FAILED, JobStatus.CANCELLED}), ids=str
)
async def test_what_has_not_failed_is_not_asked_for_again(
    status: JobStatus, retry: RetryGeneration, jobs: InMemoryJobs
) -> None:
    await jobs.repository.add(a_job_that_is(status))

    with pytest.raises(NotRetryable, match=status):
        await retry.execute("gen_1")

    assert len(jobs.kept) == 1


async def test_an_unknown_job_is_not_asked_for_again(retry: RetryGeneration) -> None:
    with pytest.raises(UnknownJob):
        await retry.execute("gen_nobody")


async def test_nothing_is_asked_for_again_on_a_full_disk(
    retry: RetryGeneration, jobs: InMemoryJobs, hardware: FakeHardwareProbe
) -> None:
    await jobs.repository.add(a_job_that_is(JobStatus.FAILED))
    hardware.free = GIB

    with pytest.raises(DiskFull):
        await retry.execute("gen_1")

    assert len(jobs.kept) == 1
