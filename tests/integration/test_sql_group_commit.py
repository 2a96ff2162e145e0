"""Many writes, one commit: what they share, and what each has for itself."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection

from adapters.sql.database import Database
from adapters.sql.event_log import SqlEventLog
from adapters.sql.group_writer import MAX_GROUP
from adapters.sql.job_queue import SqlJobQueue
from adapters.sql.job_repository import SqlJobRepository
from domain.errors import Conflict, DiskFull, StorageError
from tests.fakes.examples import NOON, a_job, a_request


@pytest.fixture
def repository(database: Database) -> SqlJobRepository:
    return SqlJobRepository(database)


async def execute(database: Database, sql: str) -> None:
    await database.write(lambda connection: connection.exec_driver_sql(sql).close())


async def watch(database: Database) -> list[str]:
    """Every statement that the writing connection runs from here on."""
    statements: list[str] = []

    def trace(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.set_trace_callback(statements.append)

    await database.write(trace)
    statements.clear()
    return statements


def commits(statements: list[str]) -> int:
    return sum(statement.startswith("COMMIT") for statement in statements)


async def test_writes_that_wait_together_share_a_commit(
    database: Database, repository: SqlJobRepository
) -> None:
    statements = await watch(database)

    await asyncio.gather(*(repository.add(a_job(f"gen_{n}")) for n in range(100)))

    assert commits(statements) == 1
    assert len(await repository.list(limit=200)) == 100


async def test_a_group_has_its_bounds(database: Database, repository: SqlJobRepository) -> None:
    statements = await watch(database)

    await asyncio.gather(*(repository.add(a_job(f"gen_{n}")) for n in range(MAX_GROUP + 1)))

    assert commits(statements) == 2


async def test_every_transaction_takes_the_lock_at_its_beginning(
    database: Database, repository: SqlJobRepository
) -> None:
    # A deferred one that reads before it writes ignores the busy timeout.
    statements = await watch(database)

    await asyncio.gather(*(repository.add(a_job(f"gen_{n}")) for n in range(3)))
    await SqlJobQueue(database).claim(at=NOON)

    begun = [statement for statement in statements if statement.startswith("BEGIN")]
    assert begun == ["BEGIN IMMEDIATE"] * commits(statements)


async def test_nobody_is_answered_before_the_commit(
    database: Database, repository: SqlJobRepository, path: Path
) -> None:
    answered = []

    async def add(number: int) -> None:
        await repository.add(a_job(f"gen_{number}"))
        with closing(sqlite3.connect(path)) as other:
            query = "SELECT count(*) FROM jobs WHERE id = ?"
            answered.append(other.execute(query, [f"gen_{number}"]).fetchone())

    await asyncio.gather(*(add(number) for number in range(50)))

    assert answered == [(1,)] * 50


async def test_a_work_that_raises_is_undone_alone(
    database: Database, repository: SqlJobRepository
) -> None:
    def half(connection: Connection) -> None:
        connection.exec_driver_sql("DELETE FROM events")
        raise ZeroDivisionError

    outcomes = await asyncio.gather(
        repository.add(a_job("gen_1")),
        repository.add(a_job("gen_1")),
        database.write(half),
        repository.add(a_job("gen_2")),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes[1:3]] == [Conflict, ZeroDivisionError]
    assert [job.id for job in await repository.list()] == ["gen_2", "gen_1"]
    assert [logged.number for logged in await SqlEventLog(database).read(after=0)] == [1, 2]


async def test_works_of_one_group_see_what_the_earlier_ones_did(
    database: Database, repository: SqlJobRepository
) -> None:
    await asyncio.gather(
        *(repository.add(a_job(f"gen_{n}")) for n in range(3)),
        *(SqlJobQueue(database).claim(at=NOON, slot=slot) for slot in range(3)),
    )

    assert [job.slot for job in await repository.list()] == [2, 1, 0]


async def test_a_commit_that_fails_fails_the_whole_group_and_nothing_is_kept(
    database: Database, repository: SqlJobRepository
) -> None:
    # A deferred foreign key is judged at COMMIT: the one fault of a commit that SQL can cause.
    def orphan(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        connection.exec_driver_sql("INSERT INTO events (job_id, event) VALUES ('nobody', '{}')")

    outcomes = await asyncio.gather(
        repository.add(a_job("gen_1")),
        database.write(orphan),
        repository.add(a_job("gen_2")),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes] == [Conflict] * 3
    assert await repository.list() == []
    await repository.add(a_job("gen_1"))
    assert [job.id for job in await repository.list()] == ["gen_1"]


async def test_a_full_disk_refuses_whom_there_is_no_room_for_and_keeps_the_others(
    database: Database, repository: SqlJobRepository
) -> None:
    def pages(connection: Connection) -> int:
        return int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())

    await execute(database, f"PRAGMA max_page_count = {await database.write(pages) + 1}")
    big = a_job("big", request=a_request(prompt="a" * 9000))

    outcomes = await asyncio.gather(
        repository.add(a_job("gen_1")),
        repository.add(big),
        repository.add(a_job("gen_2")),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [DiskFull]
    assert [job.id for job in await repository.list()] == ["gen_2", "gen_1"]


async def test_a_lost_transaction_is_tried_again_one_by_one(
    database: Database, repository: SqlJobRepository
) -> None:
    # As SQLite does by itself on some faults of the disk: the others' savepoints are gone with it.
    def lose(connection: Connection) -> None:
        connection.exec_driver_sql("ROLLBACK")
        raise StorageError

    outcomes = await asyncio.gather(
        repository.add(a_job("gen_1")),
        database.write(lose),
        repository.add(a_job("gen_2")),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [
        StorageError
    ]
    assert [job.id for job in await repository.list()] == ["gen_2", "gen_1"]


async def test_a_caller_that_was_cancelled_neither_stops_its_work_nor_the_others(
    database: Database, repository: SqlJobRepository
) -> None:
    callers = [asyncio.create_task(repository.add(a_job(f"gen_{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    for caller in callers[::2]:
        caller.cancel()

    outcomes = await asyncio.gather(*callers, return_exceptions=True)

    assert [isinstance(outcome, asyncio.CancelledError) for outcome in outcomes] == [
        True,
        False,
    ] * 10
    assert len(await repository.list()) == 20


async def test_a_commit_whose_callers_were_all_cancelled_still_wakes_who_waits_for_it(
    database: Database, repository: SqlJobRepository
) -> None:
    waiting = asyncio.create_task(SqlJobQueue(database).wait(timeout_s=30))
    caller = asyncio.create_task(repository.add(a_job()))
    await asyncio.sleep(0)
    caller.cancel()

    async with asyncio.timeout(15):
        await waiting


async def test_closing_writes_what_waits(path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{path}")
    await database.open()
    callers = [
        asyncio.create_task(SqlJobRepository(database).add(a_job(f"gen_{n}"))) for n in range(10)
    ]
    await asyncio.sleep(0)

    await database.close()

    await asyncio.gather(*callers)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT count(*) FROM jobs").fetchone() == (10,)
    assert not path.with_name("jobs.db-wal").exists()


async def test_a_closed_database_refuses_writes(path: Path) -> None:
    # They waited for a thread that had ended.
    database = Database(f"sqlite+aiosqlite:///{path}")
    await database.open()
    await database.close()

    with pytest.raises(StorageError, match="closed"):
        await SqlJobRepository(database).add(a_job())
