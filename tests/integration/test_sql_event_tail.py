"""The newest events are told from memory, however many listen, and older ones from the file."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.sql import event_log as event_logs
from adapters.sql import event_tail
from adapters.sql.database import Database
from adapters.sql.event_log import SqlEventLog
from adapters.sql.job_repository import SqlJobRepository
from domain.errors import StorageError
from tests.fakes.examples import NOON, a_job

#: Seconds: long enough that only news can have ended the wait.
LONG_S = 30.0


@pytest.fixture
def repository(database: Database) -> SqlJobRepository:
    return SqlJobRepository(database)


@pytest.fixture
def a_short_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four events, and at most twice as many."""
    monkeypatch.setattr(event_tail, "SIZE", 4)
    monkeypatch.setattr(event_logs, "SIZE", 4)


async def add(repository: SqlJobRepository, *numbers: int) -> None:
    for number in numbers:
        await repository.add(a_job(f"gen_{number}"))


async def numbers(log: SqlEventLog, **asked: Any) -> list[int]:
    return [logged.number for logged in await log.read(**asked)]


@pytest.mark.usefixtures("a_short_tail")
async def test_what_is_older_than_the_tail_is_read_from_the_file(
    database: Database, repository: SqlJobRepository
) -> None:
    log = SqlEventLog(database)
    for number in range(1, 24):
        await add(repository, number)
        if number % 3 == 0:  # it comes along at times
            assert await log.latest() == number

    for after in range(24):
        assert await numbers(log, after=after) == [*range(after + 1, 24)], after
        assert await numbers(log, after=after, limit=2) == [*range(after + 1, 24)][:2]
    assert await numbers(log, after=0, job_id="gen_2") == [2]
    assert await numbers(log, after=20, job_id="gen_22") == [22]
    assert await numbers(log, after=0, client="local") == [*range(1, 24)]
    assert await numbers(log, after=20, client="nobody") == []


@pytest.mark.usefixtures("a_short_tail")
async def test_a_log_that_comes_late_begins_with_the_newest(
    database: Database, repository: SqlJobRepository
) -> None:
    await add(repository, *range(1, 12))

    log = SqlEventLog(database)

    assert await log.latest() == 11
    assert await numbers(log, after=9) == [10, 11]
    assert await numbers(log, after=0) == [*range(1, 12)]


async def test_many_who_listen_read_what_is_new_once(
    database: Database, repository: SqlJobRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each of them asked the database three times for every commit: 128 streams were more than it could bear.
    log, reads = SqlEventLog(database), 0
    await add(repository, 1)
    assert await log.latest() == 1
    read = database.read

    async def counting(work: Callable[[Any], Any]) -> Any:
        nonlocal reads
        reads += 1
        return await read(work)

    monkeypatch.setattr(database, "read", counting)

    async def listen() -> list[int]:
        await log.wait(after=1, timeout_s=LONG_S)
        return await numbers(log, after=1)

    listening = [asyncio.create_task(listen()) for _ in range(100)]
    await asyncio.sleep(0)
    await add(repository, 2)

    async with asyncio.timeout(LONG_S / 2):
        assert await asyncio.gather(*listening) == [[2]] * 100
    assert reads == 1


async def test_who_listens_to_one_job_sleeps_through_what_happens_to_others(
    database: Database, repository: SqlJobRepository
) -> None:
    log = SqlEventLog(database)
    await add(repository, 1, 2)
    before = await log.latest()
    waiting = asyncio.create_task(log.wait(after=before, timeout_s=LONG_S, job_id="gen_1"))

    await repository.update("gen_2", lambda job: job.claim(at=NOON))
    assert await log.latest() > before
    assert not waiting.done()
    await repository.update("gen_1", lambda job: job.request_cancel(at=NOON))

    async with asyncio.timeout(LONG_S / 2):
        await waiting


async def test_a_database_that_cannot_be_read_wakes_who_listens_so_that_it_is_told(
    database: Database, repository: SqlJobRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = SqlEventLog(database)
    await add(repository, 1)
    assert await log.latest() == 1

    async def listen() -> None:
        await log.wait(after=1, timeout_s=LONG_S)
        await log.read(after=1)

    async def broken(work: Callable[[Any], Any]) -> Any:
        raise StorageError("The database cannot be read.")

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0.01)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(database, "read", broken)
        await add(repository, 2)
        async with asyncio.timeout(LONG_S / 2):
            with pytest.raises(StorageError):
                await listening

    assert await numbers(log, after=0) == [1, 2]


async def test_what_another_process_writes_is_seen_by_one_that_only_reads(
    database: Database, repository: SqlJobRepository, path: Path
) -> None:
    await add(repository, 1)
    onlooker = Database(f"sqlite+aiosqlite:///{path}")
    await onlooker.open_read_only()
    log = SqlEventLog(onlooker)
    assert (await log.latest(), await numbers(log, after=0)) == (1, [1])

    await add(repository, 2)

    assert (await log.latest(), await numbers(log, after=0)) == (2, [1, 2])
    await onlooker.close()


async def test_what_was_closed_may_be_written_by_others(database: Database) -> None:
    assert database.is_ours

    await database.close()

    assert not database.is_ours
