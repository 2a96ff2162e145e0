"""What every EventLog does."""

import asyncio
from collections.abc import Sequence
from time import monotonic

import pytest

from domain.errors import RenderError
from domain.job import Job
from domain.job_event import EventKind, JobEvent, JobStatus
from domain.ports.event_log import EventLog, LoggedEvent
from domain.ports.job_repository import JobRepository
from domain.progress import Stage
from tests.fakes.examples import NOON, a_job

#: Seconds: long enough that only news can have ended the wait.
LONG_S = 30.0
#: Seconds.
SHORT_S = 0.02


async def test_an_empty_log_has_no_events_and_no_latest(event_log: EventLog) -> None:
    assert await event_log.read(after=0) == []
    assert await event_log.latest() == 0


async def test_an_event_comes_back_as_it_was_recorded(
    repository: JobRepository, event_log: EventLog
) -> None:
    job = a_job()
    job.claim(at=NOON)
    job.enter_stage(Stage.DENOISING, fence=1, at=NOON)
    job.finish_step(2, fence=1, at=NOON)
    job.end_attempt(RenderError("It broke."), fence=1, at=NOON)

    await repository.add(job)

    *_, step, failed = await event_log.read(after=0)
    assert step.event == JobEvent(
        job_id="gen_1",
        kind=EventKind.STEP,
        at=NOON,
        status=JobStatus.RUNNING,
        stage=Stage.DENOISING,
        step=2,
        steps=4,
        progress=0.48,
        attempt=1,
        checkpoint="mini",
    )
    assert (failed.event.message, failed.event.code) == ("It broke.", "render-failed")


async def test_events_are_kept_with_the_change_that_recorded_them(
    repository: JobRepository, event_log: EventLog
) -> None:
    await repository.add(a_job())

    def claim_and_fail(job: Job) -> None:
        job.claim(at=NOON)
        raise ValueError

    with pytest.raises(ValueError):
        await repository.update("gen_1", claim_and_fail)
    await repository.update("gen_1", lambda job: job.claim(at=NOON))

    logged = await event_log.read(after=0)
    assert [(entry.number, entry.event.kind) for entry in logged] == [
        (1, EventKind.QUEUED),
        (2, EventKind.STARTED),
    ]


async def test_events_are_read_oldest_first_from_where_the_reader_is(
    repository: JobRepository, event_log: EventLog
) -> None:
    for number in range(1, 6):
        await repository.add(a_job(f"gen_{number}"))

    assert _numbers(await event_log.read(after=2)) == [3, 4, 5]
    assert _numbers(await event_log.read(after=2, limit=2)) == [3, 4]
    assert _numbers(await event_log.read(after=5)) == []
    assert await event_log.latest() == 5


async def test_one_job_has_only_its_own_events(
    repository: JobRepository, event_log: EventLog
) -> None:
    await repository.add(a_job("gen_1"))
    await repository.add(a_job("gen_2"))
    await repository.update("gen_1", lambda job: job.claim(at=NOON))

    assert _numbers(await event_log.read(after=0, job_id="gen_1")) == [1, 3]
    assert _numbers(await event_log.read(after=1, job_id="gen_1")) == [3]
    assert _numbers(await event_log.read(after=0, job_id="gen_nobody")) == []


async def test_a_wait_ends_at_once_where_there_is_news_already(
    repository: JobRepository, event_log: EventLog
) -> None:
    await repository.add(a_job())

    async with asyncio.timeout(LONG_S / 2):
        await event_log.wait(after=0, timeout_s=LONG_S)


async def test_a_wait_ends_when_something_happens(
    repository: JobRepository, event_log: EventLog
) -> None:
    await repository.add(a_job())
    waiting = asyncio.create_task(event_log.wait(after=1, timeout_s=LONG_S))
    await asyncio.sleep(SHORT_S)
    assert not waiting.done()

    await repository.update("gen_1", lambda job: job.claim(at=NOON))

    async with asyncio.timeout(LONG_S / 2):
        await waiting


async def test_a_wait_for_one_job_ends_when_something_happens_to_it_and_not_before(
    repository: JobRepository, event_log: EventLog
) -> None:
    for number in (1, 2):
        await repository.add(a_job(f"gen_{number}"))
    waiting = asyncio.create_task(event_log.wait(after=2, timeout_s=LONG_S, job_id="gen_1"))
    await repository.update("gen_2", lambda job: job.claim(at=NOON))
    await asyncio.sleep(SHORT_S)
    assert not waiting.done()

    await repository.update("gen_1", lambda job: job.claim(at=NOON, slot=1))

    async with asyncio.timeout(LONG_S / 2):
        await waiting


async def test_a_wait_for_one_job_ends_at_once_where_there_is_news_of_it_already(
    repository: JobRepository, event_log: EventLog
) -> None:
    for number in (1, 2):
        await repository.add(a_job(f"gen_{number}"))

    async with asyncio.timeout(LONG_S / 2):
        await event_log.wait(after=0, timeout_s=LONG_S, job_id="gen_1")


async def test_no_wait_misses_an_event_whenever_it_comes(
    repository: JobRepository, event_log: EventLog
) -> None:
    for turns in range(12):  # of the event loop, so that the event comes at every moment
        waiting = asyncio.create_task(event_log.wait(after=turns, timeout_s=LONG_S))
        for _ in range(turns):
            await asyncio.sleep(0)
        await repository.add(a_job(f"gen_{turns}"))

        async with asyncio.timeout(LONG_S / 2):
            await waiting


async def test_a_wait_for_nothing_ends_when_its_time_is_up(event_log: EventLog) -> None:
    begun = monotonic()

    await event_log.wait(after=0, timeout_s=SHORT_S)

    assert SHORT_S / 2 <= monotonic() - begun < LONG_S / 2


async def test_a_reader_that_follows_sees_every_event_once_and_in_order(
    repository: JobRepository, event_log: EventLog
) -> None:
    seen: list[int] = []

    async def follow() -> None:
        while len(seen) < 30:
            await event_log.wait(after=len(seen), timeout_s=LONG_S)
            seen.extend(_numbers(await event_log.read(after=len(seen))))

    async with asyncio.timeout(LONG_S), asyncio.TaskGroup() as group:
        group.create_task(follow())
        for number in range(30):
            group.create_task(repository.add(a_job(f"gen_{number}")))

    assert seen == list(range(1, 31))


def _numbers(logged: Sequence[LoggedEvent]) -> list[int]:
    return [entry.number for entry in logged]
