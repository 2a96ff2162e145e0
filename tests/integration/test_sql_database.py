"""The SQLite file itself: whose it is, what it refuses, and what survives."""

import asyncio
import re
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from adapters.sql import readers, schema
from adapters.sql.database import Database
from adapters.sql.event_log import SqlEventLog
from adapters.sql.job_repository import SqlJobRepository
from adapters.sql.tables import metadata
from domain.errors import (
    BackendUnavailable,
    Conflict,
    DataDirectoryLocked,
    DataDirectoryUnusable,
    DiskFull,
    DomainError,
    StorageError,
)
from domain.job_event import JobStatus
from tests.fakes.examples import a_job, a_job_that_is, a_request


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "wan 100%.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    database = a_database(path)
    await database.open()
    yield database
    await database.close()


def a_database(path: Path) -> Database:
    return Database(f"sqlite+aiosqlite:///{path}")


async def pragma(database: Database, name: str) -> object:
    """What the writing connection says."""

    def ask(connection: Connection) -> object:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()

    return await database.write(ask)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("fullfsync", 1),
        ("checkpoint_fullfsync", 1),
        ("busy_timeout", 5000),
        ("foreign_keys", 1),
        ("mmap_size", 0),
        ("trusted_schema", 0),
        ("journal_size_limit", 64 * 1024 * 1024),
        ("application_id", schema.APPLICATION_ID),
        ("user_version", schema.VERSION),
    ],
)
async def test_the_writing_connection_has_its_settings(
    database: Database, name: str, value: object
) -> None:
    assert await pragma(database, name) == value


async def test_reading_connections_cannot_write(database: Database) -> None:
    with pytest.raises(StorageError):
        await database.read(lambda connection: connection.exec_driver_sql("DELETE FROM jobs"))


async def test_the_tables_that_queries_see_are_those_that_migrations_make(
    database: Database,
) -> None:
    def is_ours(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or not str(name).startswith("prompts")  # FTS5 makes its own

    def differences(connection: Connection) -> object:
        context = MigrationContext.configure(connection, opts={"include_name": is_ours})
        return compare_metadata(context, metadata)

    assert await database.read(differences) == []


@pytest.mark.parametrize("table", ["jobs", "events", "idempotency_keys", "queue"])
async def test_columns_hold_only_their_type(database: Database, path: Path, table: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        strict = connection.execute("SELECT strict FROM pragma_table_list(?)", [table])

        assert strict.fetchone() == (1,)


async def test_a_second_opening_sees_what_the_first_committed(path: Path) -> None:
    first = a_database(path)
    await first.open()
    await SqlJobRepository(first).add(a_job())
    await first.close()

    second = a_database(path)
    await second.open()

    assert await SqlJobRepository(second).get("gen_1") == a_job()
    assert await SqlEventLog(second).latest() == 1
    await second.close()


@pytest.mark.parametrize("is_linked", [False, True])
async def test_a_second_server_on_one_database_is_refused(
    path: Path, tmp_path: Path, is_linked: bool
) -> None:
    # Servers with data directories of their own and one database.url took each other's jobs for those
    # of a dead server.
    first = a_database(path)
    await first.open()
    name = path
    if is_linked:
        name = tmp_path / "link.db"
        name.symlink_to(path)

    with pytest.raises(DataDirectoryLocked, match=rf"process \d+.*{re.escape(str(path))}"):
        await a_database(name).open()

    await SqlJobRepository(first).add(a_job())
    await first.close()
    second = a_database(name)
    await second.open()
    await second.close()


def test_a_dead_servers_database_can_be_opened(path: Path) -> None:
    code = (
        "import asyncio, os; from adapters.sql.database import Database;"
        f"asyncio.run(Database({f'sqlite+aiosqlite:///{path}'!r}).open()); os._exit(9)"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=False, env=environment)

    async def open_again() -> None:
        database = a_database(path)
        await database.open()
        await database.close()

    asyncio.run(open_again())


async def test_looking_at_a_database_keeps_nobody_out(database: Database, path: Path) -> None:
    looking = a_database(path)

    await looking.open_read_only()

    await SqlJobRepository(database).add(a_job())
    assert await SqlJobRepository(looking).get("gen_1") == a_job()
    await looking.close()


async def test_closing_waits_for_a_write_whose_caller_was_cancelled(path: Path) -> None:
    database = a_database(path)
    await database.open()
    caller = asyncio.create_task(SqlJobRepository(database).add(a_job()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    caller.cancel()

    await database.close()
    await database.close()

    again = a_database(path)
    await again.open()
    assert await SqlJobRepository(again).get("gen_1") == a_job()
    await again.close()


async def test_a_write_that_fails_halfway_is_undone_from_its_beginning(
    database: Database,
) -> None:
    def half(connection: Connection) -> None:
        connection.exec_driver_sql("UPDATE jobs SET priority = 9")
        connection.exec_driver_sql("DELETE FROM events")
        raise ZeroDivisionError

    await SqlJobRepository(database).add(a_job())

    with pytest.raises(ZeroDivisionError):
        await database.write(half)

    assert (await SqlJobRepository(database).get("gen_1")).priority == 0
    assert await SqlEventLog(database).latest() == 1


def test_another_programs_database_is_refused_and_left_as_it_was(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()

    with pytest.raises(DataDirectoryUnusable, match="another program"):
        asyncio.run(a_database(path).open())

    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_as_it_was(path: Path) -> None:
    path.write_text("dear diary " * 100)
    before = path.read_bytes()

    with pytest.raises(DataDirectoryUnusable, match=re.escape(str(path))):
        asyncio.run(a_database(path).open())

    assert path.read_bytes() == before


async def test_a_newer_schema_is_refused(path: Path) -> None:
    database = a_database(path)
    await database.open()
    await database.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")

    with pytest.raises(DataDirectoryUnusable, match="newer Wan Studio"):
        await a_database(path).open()


async def test_a_file_that_can_only_be_read_is_refused_at_the_start(path: Path) -> None:
    database = a_database(path)
    await database.open()
    await database.close()

    with pytest.raises(DataDirectoryUnusable, match="readonly"):
        await Database(f"sqlite+aiosqlite:///file:{path}?mode=ro&uri=true").open()


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    # In a loop of its own, which ends at once: a thread of aiosqlite once called it after its end.
    with pytest.raises(DataDirectoryUnusable, match="unable to open"):
        asyncio.run(a_database(tmp_path / "nowhere" / "wan.db").open())


@pytest.mark.parametrize(
    ("url", "refusal"),
    [
        ("postgresql+asyncpg://host/wan", BackendUnavailable),
        ("sqlite:///wan.db", BackendUnavailable),
        ("sqlite+aiosqlite://", DataDirectoryUnusable),
        ("sqlite+aiosqlite:///:memory:", DataDirectoryUnusable),
        ("wan.db", DataDirectoryUnusable),
    ],
)
def test_a_url_of_no_sqlite_file_is_refused(url: str, refusal: type[DomainError]) -> None:
    with pytest.raises(refusal):
        Database(url)


async def test_a_full_disk_refuses_the_job_and_harms_nothing(database: Database) -> None:
    repository = SqlJobRepository(database)
    await repository.add(a_job())
    await pragma(database, f"max_page_count = {await pragma(database, 'page_count')}")
    big = a_job("gen_2", request=a_request(prompt="a" * 9000))

    with pytest.raises(DiskFull):
        await repository.add(big)

    await pragma(database, "max_page_count = 1000000")
    assert await repository.list() == [a_job()]
    assert await SqlEventLog(database).latest() == 1
    assert await pragma(database, "integrity_check") == "ok"
    await repository.add(big)


async def test_a_database_that_another_process_holds_is_a_storage_error(
    database: Database, path: Path
) -> None:
    await pragma(database, "busy_timeout = 1")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(StorageError, match="locked"):
            await SqlJobRepository(database).add(a_job())

    await SqlJobRepository(database).add(a_job())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE jobs SET priority = 1",
        "UPDATE jobs SET status = 'queued', finished_at = NULL, video = NULL",
    ],
)
async def test_no_sql_changes_a_finished_job(database: Database, change: str) -> None:
    await SqlJobRepository(database).add(a_job_that_is(JobStatus.COMPLETED))

    with pytest.raises(Conflict, match="a finished job never changes"):
        await database.write(lambda connection: connection.exec_driver_sql(change))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("UPDATE jobs SET status = 'done', slot = NULL", "status_is_known"),
        ("UPDATE jobs SET status = 'cancelled', slot = NULL", "finished_when_terminal"),
        ("UPDATE jobs SET finished_at = created_at", "finished_when_terminal"),
        ("UPDATE jobs SET status = 'publishing'", "video_from_publishing_on"),
        ("UPDATE jobs SET status = 'queued'", "slot_while_active"),
        ("UPDATE jobs SET slot = NULL", "slot_while_active"),
        ("UPDATE jobs SET preempts = 2", "preempts_or_not"),
        ("INSERT INTO queue (number) VALUES (2)", "only_one"),
        ("UPDATE jobs SET failure = '{}'", "failure_when_failed"),
        ("UPDATE jobs SET fence = 0", "a fence never falls"),
        ("INSERT INTO events (job_id, event) VALUES ('gen_0', '{}')", "FOREIGN KEY"),
    ],
)
async def test_no_sql_makes_a_row_that_no_job_could_be(
    database: Database, change: str, rule: str
) -> None:
    await SqlJobRepository(database).add(a_job_that_is(JobStatus.RUNNING))

    with pytest.raises(Conflict, match=rule):
        await database.write(lambda connection: connection.exec_driver_sql(change))


async def test_waiting_too_long_for_a_reader_is_a_storage_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It was nobody's error, and a job that only wanted to be read was charged with it.
    monkeypatch.setattr(readers, "PATIENCE_S", 0.05)
    counting = "SELECT 1 AS x UNION ALL SELECT x + 1 FROM n LIMIT 2000000"

    def read_for_long(connection: Connection) -> object:
        return connection.exec_driver_sql(
            f"WITH RECURSIVE n AS ({counting}) SELECT max(x) FROM n"
        ).scalar_one()

    database = a_database(path)
    await database.open()
    slow = [asyncio.create_task(database.read(read_for_long)) for _ in range(3)]
    await asyncio.sleep(0.05)

    with pytest.raises(StorageError, match="too busy"):
        await SqlJobRepository(database).get("gen_1")

    await asyncio.gather(*slow)
    await database.close()


async def test_a_mistake_in_our_sql_stays_a_mistake(database: Database) -> None:
    with pytest.raises(Exception, match="no such table") as caught:
        await database.read(lambda connection: connection.exec_driver_sql("SELECT * FROM nowhere"))

    assert not isinstance(caught.value, DomainError)
