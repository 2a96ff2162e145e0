"""Copies of a database, and looks at one, beside a server that goes on writing."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from adapters.sql import schema
from adapters.sql.backup import copy_database
from adapters.sql.database import Database
from adapters.sql.event_log import SqlEventLog
from adapters.sql.job_queue import SqlJobQueue
from adapters.sql.job_repository import SqlJobRepository
from domain.errors import DataDirectoryUnusable, StorageError
from tests.fakes.examples import NOON, a_job, a_request

#: Of processes that the tests start.
ENVIRONMENT = {"PYTHONPATH": ":".join(sys.path)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "wan 100%?.db"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "copy.db"


def a_database(path: Path) -> Database:
    return Database(f"sqlite+aiosqlite:///{str(path).replace('?', '%3F')}")


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    database = a_database(path)
    await database.open()
    yield database
    await database.close()


def ids_in(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        return [job_id for (job_id,) in connection.execute("SELECT id FROM jobs ORDER BY sequence")]


async def test_a_copy_beside_a_busy_server_is_whole_and_lacks_nothing_from_before_it_began(
    database: Database, path: Path, target: Path
) -> None:
    repository = SqlJobRepository(database)
    long = a_request(prompt="a" * 30_000)  # so that the copy takes many steps
    before = [f"before_{number:04}" for number in range(1000)]
    await asyncio.gather(*(repository.add(a_job(job_id, request=long)) for job_id in before))
    copying = asyncio.create_task(asyncio.to_thread(copy_database, path, target))
    during = 0
    while not copying.done():
        await repository.add(a_job(f"during_{during:04}", request=long))
        during += 1
    await copying

    copied = ids_in(target)

    assert sorted(copied[: len(before)]) == before
    later = copied[len(before) :]
    assert later == [f"during_{number:04}" for number in range(len(later))]
    assert during > 3, "the server was kept from writing"
    assert len(later) < during / 2, "each commit began the copy anew"
    assert [path.name for path in target.parent.glob("copy*")] == ["copy.db"]


async def test_a_copy_can_be_used_in_place_of_the_original(
    database: Database, path: Path, target: Path
) -> None:
    await SqlJobRepository(database).add(a_job())
    await SqlJobQueue(database).set_paused(paused=True, at=NOON)
    await asyncio.to_thread(copy_database, path, target)

    restored = a_database(target)
    await restored.open()

    assert await SqlJobRepository(restored).list() == [a_job()]
    assert await SqlEventLog(restored).latest() == 1
    assert await SqlJobQueue(restored).paused_since() == NOON
    await restored.close()


def die_with_a_job_in_the_log(path: Path) -> None:
    """As a killed server leaves it: what was committed last is in the write-ahead log alone."""
    script = f"""
import asyncio, os
from adapters.sql.database import Database
from adapters.sql.job_repository import SqlJobRepository
from tests.fakes.examples import a_job

async def main():
    database = Database({f"sqlite+aiosqlite:///{path}"!r})
    await database.open()
    await SqlJobRepository(database).add(a_job())
    os._exit(9)

asyncio.run(main())
"""
    assert (
        subprocess.run([sys.executable, "-c", script], check=False, env=ENVIRONMENT).returncode == 9
    )
    assert path.with_name(path.name + "-wal").stat().st_size > 0


def test_a_killed_servers_database_is_copied_with_what_its_log_holds(
    tmp_path: Path, target: Path
) -> None:
    path = tmp_path / "jobs.db"
    die_with_a_job_in_the_log(path)
    before = path.read_bytes()

    copy_database(path, target)

    assert ids_in(target) == ["gen_1"]
    assert path.read_bytes() == before


async def test_a_killed_servers_database_can_be_looked_at_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    await asyncio.to_thread(die_with_a_job_in_the_log, path)
    before = path.read_bytes()
    database = a_database(path)

    await database.open_read_only()

    assert await SqlJobRepository(database).list() == [a_job()]
    await database.close()
    assert path.read_bytes() == before
    assert path.with_name("jobs.db-wal").stat().st_size > 0, "the log was taken away"


async def test_a_stopped_servers_database_can_be_looked_at(path: Path) -> None:
    server = a_database(path)
    await server.open()
    await SqlJobRepository(server).add(a_job())
    await server.close()
    database = a_database(path)

    await database.open_read_only()

    assert await SqlJobRepository(database).list() == [a_job()]
    await database.close()


async def test_a_look_beside_a_server_sees_what_it_commits_and_cannot_write(
    database: Database, path: Path
) -> None:
    audit = a_database(path)
    await audit.open_read_only()
    await SqlJobRepository(database).add(a_job())

    with pytest.raises(StorageError, match="readonly"):
        await SqlJobRepository(audit).add(a_job("gen_2"))

    assert await SqlJobRepository(audit).list() == [a_job()]
    await audit.close()
    await SqlJobRepository(database).add(a_job("gen_3"))


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        ({"application_id": 7}, "another program"),
        ({"user_version": schema.VERSION + 1}, "newer Wan Studio"),
        ({"user_version": schema.VERSION - 1}, "older Wan Studio"),
    ],
)
async def test_a_look_refuses_what_it_would_not_understand(
    path: Path, marks: dict[str, int], words: str
) -> None:
    server = a_database(path)
    await server.open()
    await server.close()
    with closing(sqlite3.connect(path)) as connection:
        for name, value in marks.items():
            connection.execute(f"PRAGMA {name} = {value}")

    with pytest.raises(DataDirectoryUnusable, match=words):
        await a_database(path).open_read_only()


def test_a_look_at_what_is_not_there_makes_nothing(path: Path) -> None:
    with pytest.raises(DataDirectoryUnusable, match="unable to open"):
        asyncio.run(a_database(path).open_read_only())

    assert not path.exists()


def test_what_is_not_there_is_not_copied(path: Path, target: Path) -> None:
    with pytest.raises(DataDirectoryUnusable, match="is not there"):
        copy_database(path, target)

    assert not path.exists()
    assert not target.exists()


def test_another_programs_database_is_not_copied(path: Path, target: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")

    with pytest.raises(DataDirectoryUnusable, match="not a database of Wan Studio"):
        copy_database(path, target)

    assert not target.exists()


def test_a_file_that_is_no_database_is_not_copied(path: Path, target: Path) -> None:
    path.write_text("dear diary " * 100)

    with pytest.raises(StorageError, match="not a database"):
        copy_database(path, target)

    assert not target.exists()


def test_nothing_is_written_over(path: Path, target: Path) -> None:
    target.write_text("the last copy")

    with pytest.raises(StorageError, match="there already"):
        copy_database(path, target)

    assert target.read_text() == "the last copy"


async def test_a_copy_that_was_cut_off_is_begun_anew(
    database: Database, path: Path, target: Path
) -> None:
    target.with_name("copy.db.partial").write_text("half")
    await SqlJobRepository(database).add(a_job())

    await asyncio.to_thread(copy_database, path, target)

    assert ids_in(target) == ["gen_1"]


async def test_a_folder_that_is_not_there_gets_no_copy(database: Database, path: Path) -> None:
    with pytest.raises(StorageError, match="unable to open"):
        await asyncio.to_thread(copy_database, path, path.parent / "nowhere" / "copy.db")


async def test_a_disk_that_takes_no_more_gets_no_copy(
    database: Database, path: Path, target: Path
) -> None:
    script = f"""
import resource, signal
from pathlib import Path
from adapters.sql.backup import copy_database
from domain.errors import StorageError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384))
try:
    copy_database(Path({str(path)!r}), Path({str(target)!r}))
except StorageError:
    raise SystemExit(7)
"""
    command = [sys.executable, "-c", script]

    copying = await asyncio.to_thread(subprocess.run, command, check=False, env=ENVIRONMENT)

    assert copying.returncode == 7
    assert list(target.parent.glob("copy*")) == []
