"""What every JobQueue does."""

import asyncio
from time import monotonic

from domain.errors import RenderSuspended
from domain.job_event import EventKind, JobStatus
from domain.ports.event_log import EventLog
from domain.ports.job_queue import JobQueue
from domain.ports.job_repository import JobRepository
from tests.fakes.examples import NOON, a_job, a_job_that_is

#: Seconds: long enough that only news can have ended the wait.
LONG_S = 30.0
#: Seconds.
SHORT_S = 0.02


async def test_nothing_can_be_claimed_where_nothing_waits(
    repository: JobRepository, queue: JobQueue
) -> None:
    await repository.add(a_job_that_is(JobStatus.RUNNING))

    assert await queue.claim(at=NOON) is None


async def test_a_claimed_job_is_running_its_first_attempt_and_is_kept_so(
    repository: JobRepository, queue: JobQueue
) -> None:
    await repository.add(a_job())

    job = await queue.claim(at=NOON)

    assert job is not None
    assert (job.status, job.fence, job.started_at) == (JobStatus.RUNNING, 1, NOON)
    assert await repository.get(job.id) == job


async def test_a_claim_is_an_event(
    repository: JobRepository, queue: JobQueue, event_log: EventLog
) -> None:
    await repository.add(a_job())

    await queue.claim(at=NOON)

    kinds = [logged.event.kind for logged in await event_log.read(after=0)]
    assert kinds == [EventKind.QUEUED, EventKind.STARTED]


async def test_higher_priority_goes_first_and_of_equals_the_oldest(
    repository: JobRepository, queue: JobQueue
) -> None:
    for job_id, priority in (("c", 0), ("a", 5), ("d", -1), ("b", 5)):
        await repository.add(a_job(job_id, priority=priority))

    order = [await queue.claim(at=NOON, slot=slot) for slot in range(4)]

    assert [job and job.id for job in order] == ["a", "b", "c", "d"]


async def test_a_job_that_was_given_back_keeps_its_place(
    repository: JobRepository, queue: JobQueue
) -> None:
    await repository.add(a_job("first"))
    await repository.add(a_job("second"))
    await queue.claim(at=NOON)
    await repository.update(
        "first", lambda job: job.end_attempt(RenderSuspended(), fence=1, at=NOON)
    )

    job = await queue.claim(at=NOON)

    assert job is not None
    assert (job.id, job.fence) == ("first", 2)


async def test_of_fifty_callers_no_two_get_the_same_job(
    repository: JobRepository, queue: JobQueue
) -> None:
    for number in range(40):
        await repository.add(a_job(f"gen_{number}"))

    claimed = await asyncio.gather(*(queue.claim(at=NOON, slot=slot) for slot in range(50)))

    ids = [job.id for job in claimed if job]
    assert len(ids) == 40
    assert len(set(ids)) == 40


async def test_a_wait_ends_at_once_where_a_job_came_before_it(
    repository: JobRepository, queue: JobQueue
) -> None:
    assert await queue.claim(at=NOON) is None
    await repository.add(a_job())

    async with asyncio.timeout(LONG_S / 2):
        await queue.wait(timeout_s=LONG_S)


async def test_a_wait_ends_when_a_job_comes(repository: JobRepository, queue: JobQueue) -> None:
    waiting = asyncio.create_task(queue.wait(timeout_s=LONG_S))
    await asyncio.sleep(SHORT_S)
    assert not waiting.done()

    await repository.add(a_job())

    async with asyncio.timeout(LONG_S / 2):
        await waiting


async def test_a_wait_ends_when_a_job_is_given_back(
    repository: JobRepository, queue: JobQueue
) -> None:
    await repository.add(a_job())
    await queue.claim(at=NOON)
    waiting = asyncio.create_task(queue.wait(timeout_s=LONG_S))
    await asyncio.sleep(SHORT_S)

    await repository.update(
        "gen_1", lambda job: job.end_attempt(RenderSuspended(), fence=1, at=NOON)
    )

    async with asyncio.timeout(LONG_S / 2):
        await waiting


async def test_no_wait_misses_a_job_whenever_it_comes(
    repository: JobRepository, queue: JobQueue
) -> None:
    for turns in range(12):  # of the event loop, so that the job comes at every moment of the wait
        waiting = asyncio.create_task(queue.wait(timeout_s=LONG_S))
        for _ in range(turns):
            await asyncio.sleep(0)
        await repository.add(a_job(f"gen_{turns}"))

        async with asyncio.timeout(LONG_S / 2):
            await waiting

        assert await queue.claim(at=NOON, slot=turns) is not None


async def test_a_wait_for_nothing_ends_when_its_time_is_up(queue: JobQueue) -> None:
    begun = monotonic()

    await queue.wait(timeout_s=SHORT_S)

    assert SHORT_S / 2 <= monotonic() - begun < LONG_S / 2


async def test_every_waiting_caller_is_woken(repository: JobRepository, queue: JobQueue) -> None:
    waiting = [asyncio.create_task(queue.wait(timeout_s=LONG_S)) for _ in range(5)]
    await asyncio.sleep(SHORT_S)

    await repository.add(a_job())

    async with asyncio.timeout(LONG_S / 2):
        await asyncio.gather(*waiting)
