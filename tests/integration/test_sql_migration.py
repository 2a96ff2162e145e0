"""A file that an earlier version wrote, brought up to date with every job it holds."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

import adapters.sql
from adapters.sql.database import Database
from adapters.sql.event_log import SqlEventLog
from adapters.sql.job_queue import SqlJobQueue
from adapters.sql.job_repository import SqlJobRepository
from adapters.sql.library import SqlLibrary
from adapters.sql.rows import event_to_row
from adapters.sql.schema import APPLICATION_ID
from domain.errors import Conflict
from domain.job import LOCAL_CLIENT, Job
from domain.job_event import Failure, JobStatus
from domain.library import Filters, OutputState
from domain.progress import Stage
from domain.structure import Precision
from domain.toll import Toll
from tests.fakes.examples import NOON, a_job, a_plan, a_request, a_video

MIGRATIONS = Path(adapters.sql.__path__[0]) / "migrations"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of schema 1, with a job in every state, each twice, and an event of each."""
    path = tmp_path / "jobs.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
        for number, status in enumerate([*JobStatus, *JobStatus], start=1):
            _insert_as_version_1(connection, number, status)
    return path


@pytest.fixture
def database(path: Path) -> Database:
    return Database(f"sqlite+aiosqlite:///{path}")


def _insert_as_version_1(connection: sqlite3.Connection, number: int, status: JobStatus) -> None:
    at = "2026-01-01T12:00:00.000000+00:00"
    state = {
        "stage": "denoising" if status is JobStatus.RUNNING else None,
        "step": 2,
        "crashes": 1,
        "interruptions": 3,
        "furthest": [2, 2],
    }
    is_made = status in {JobStatus.PUBLISHING, JobStatus.COMPLETED}
    row = {
        "id": f"{status}_{number}",
        "status": status.value,
        "priority": 0,
        "fence": 0 if status is JobStatus.QUEUED else 1,
        "created_at": at,
        "started_at": None if status is JobStatus.QUEUED else at,
        "finished_at": at if status.is_terminal else None,
        "cancel_requested_at": None,
        "request": msgspec.json.encode(a_request()).decode(),
        "plan": msgspec.json.encode(a_plan()).decode(),
        "state": json.dumps(state, separators=(",", ":")),
        "video": msgspec.json.encode(a_video()).decode() if is_made else None,
        "failure": '{"code":"internal","message":"It broke.","retryable":false}'
        if status is JobStatus.FAILED
        else None,
    }
    columns, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    connection.execute(f"INSERT INTO jobs ({columns}) VALUES ({marks})", row)
    queued = event_to_row(a_job(row["id"]).collect_events()[0])["event"]
    connection.execute("INSERT INTO events (job_id, event) VALUES (?, ?)", [row["id"], queued])


async def test_every_job_is_what_it_was(database: Database) -> None:
    await database.open()

    jobs = {job.status: job for job in await SqlJobRepository(database).list()}

    assert set(jobs) == set(JobStatus)
    for status, job in jobs.items():
        assert job == Job(
            id=job.id,
            request=a_request(),
            plan=a_plan(),
            created_at=NOON,
            client=LOCAL_CLIENT,
            status=status,
            stage=Stage.DENOISING if status is JobStatus.RUNNING else None,
            step=2,
            fence=0 if status is JobStatus.QUEUED else 1,
            slot=job.slot,
            toll=Toll(crashes=1, interruptions=3),
            furthest=(2, 2),
            video=a_video() if status in {JobStatus.PUBLISHING, JobStatus.COMPLETED} else None,
            failure=Failure(code="internal", message="It broke.")
            if status is JobStatus.FAILED
            else None,
            started_at=None if status is JobStatus.QUEUED else NOON,
            finished_at=NOON if status.is_terminal else None,
        )
    await database.close()


async def test_a_plan_of_when_fp8_was_a_way_to_store_says_int8(path: Path) -> None:
    placement = '{"experts":"streamed","text_encoder":"host","vae":"visiting","precision":"fp8"}'
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER finished_jobs_never_change")
        connection.execute(
            "UPDATE jobs SET plan = replace(plan, '\"placement\":null', ?)",
            [f'"placement":{placement}'],
        )
        connection.execute(
            "CREATE TRIGGER finished_jobs_never_change DELETE ON jobs BEGIN SELECT 1; END"
        )
    database = Database(f"sqlite+aiosqlite:///{path}")
    await database.open()

    jobs = await SqlJobRepository(database).list()

    placements = [job.plan.placement for job in jobs]
    assert len(placements) == 2 * len(JobStatus)
    assert {told.precision for told in placements if told} == {Precision.INT8}
    await database.close()


async def test_what_ran_has_a_slot_of_its_own_and_nothing_else_has_one(database: Database) -> None:
    await database.open()

    jobs = await SqlJobRepository(database).list()

    assert sorted(job.slot for job in jobs if job.slot is not None) == [0, 1, 2, 3]
    assert all(job.status.is_active == (job.slot is not None) for job in jobs)
    await database.close()


async def test_the_line_is_in_the_old_order_and_a_newcomer_has_the_second_turn(
    database: Database,
) -> None:
    await database.open()
    queue = SqlJobQueue(database)

    await SqlJobRepository(database).add(a_job("new", client="new"))

    assert [job.id for job in await queue.line()] == ["queued_1", "new", "queued_7"]
    await database.close()


async def test_every_job_is_in_the_library_and_found_by_its_words(database: Database) -> None:
    await database.open()
    library = SqlLibrary(database)

    assert len(await library.generations(Filters(text="circle", checkpoints=("mini",)))) == 12
    videos = await library.outputs(Filters(text="red", sizes=("16x16",)))
    assert {(entry.job.status, entry.state, entry.since) for entry in videos} == {
        (JobStatus.COMPLETED, OutputState.KEPT, NOON)
    }
    assert len(videos) == 2
    await database.close()


async def test_a_video_that_is_published_after_the_migration_is_in_the_library(
    database: Database,
) -> None:
    await database.open()

    await SqlJobRepository(database).update(
        "publishing_3", lambda job: job.complete(fence=1, at=NOON)
    )

    assert len(await SqlLibrary(database).outputs(Filters())) == 3
    await database.close()


async def test_events_and_numbers_go_on_where_they_were(database: Database) -> None:
    await database.open()

    await SqlJobRepository(database).add(a_job("new"))

    assert await SqlEventLog(database).latest() == 13
    assert (await SqlJobRepository(database).list(limit=1))[0].id == "new"
    await database.close()


async def test_what_finished_is_guarded_again(database: Database) -> None:
    await database.open()

    with pytest.raises(Conflict, match="a finished job never changes"):
        await database.write(
            lambda connection: connection.exec_driver_sql(
                "UPDATE jobs SET client = 'x' WHERE status = 'completed'"
            )
        )
    await database.close()


async def test_a_second_opening_changes_nothing(database: Database, path: Path) -> None:
    await database.open()
    before = await SqlJobRepository(database).list()
    await database.close()

    again = Database(f"sqlite+aiosqlite:///{path}")
    await again.open()

    assert await SqlJobRepository(again).list() == before
    await again.close()


async def test_a_migration_that_fails_leaves_the_old_file_as_it_was(
    database: Database, path: Path
) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE jobs SET state = 'no JSON' WHERE id = 'queued_7'")
        before = connection.execute("SELECT * FROM jobs ORDER BY sequence").fetchall()

    with pytest.raises(Exception, match="malformed JSON"):
        await database.open()
    await database.close()

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM jobs ORDER BY sequence").fetchall() == before
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        with pytest.raises(sqlite3.IntegrityError, match="never changes"):
            connection.execute("UPDATE jobs SET priority = 9")
