"""How SQLite carries out what is asked most: by index, never sorting, never reading a table through.

A status compared with a bound parameter, or with an IN of one, once left the index unused.
"""

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from adapters.sql.database import Database
from adapters.sql.job_queue import SqlJobQueue
from adapters.sql.job_repository import SqlJobRepository
from adapters.sql.library import SqlLibrary
from adapters.sql.run_history import SqlRunHistory
from domain.access import Room
from domain.errors import RenderFailed
from domain.idempotency import IdempotencyKey
from domain.job import Job
from domain.job_event import JobStatus
from domain.library import Filters, OutputState
from tests.fakes.examples import NOON, a_job, a_job_that_is

KEY = IdempotencyKey.of("ann", "key", b"")
#: The queue has one row; what is active has a slot each.
BOUNDED = {
    "SCAN queue",
    "SCAN jobs USING INDEX jobs_active",
    "SCAN jobs USING INDEX one_active_job_per_slot",
}


async def plans_of(
    database: Database, path: Path, act: Callable[[], Awaitable[object]]
) -> list[str]:
    """The plan of every statement that the writing connection runs for `act`."""
    statements: list[str] = []

    def trace(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.set_trace_callback(statements.append)

    await database.write(trace)
    await act()
    verbs = ("SELECT", "INSERT", "UPDATE", "DELETE")
    with closing(sqlite3.connect(path)) as other:
        return [
            step
            for statement in statements
            if statement.startswith(verbs)
            for _, _, _, step in other.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]


def unbounded(plans: list[str]) -> list[str]:
    return [step for step in plans if "TEMP B-TREE" in step or step.startswith("SCAN")]


async def test_adding_reads_no_more_than_a_few_rows_by_index(
    database: Database, path: Path
) -> None:
    repository = SqlJobRepository(database)

    plans = await plans_of(database, path, lambda: repository.add(a_job(), key=KEY))

    assert any(
        "USING INDEX jobs_waiting_of_client (client=? AND priority=?)" in step for step in plans
    )
    assert any("INDEX jobs_waiting (priority=?)" in step for step in plans)
    assert any("USING COVERING INDEX keys_by_age" in step for step in plans)
    assert set(unbounded(plans)) <= BOUNDED


async def test_claiming_takes_the_first_of_one_index(database: Database, path: Path) -> None:
    await SqlJobRepository(database).add(a_job())

    plans = await plans_of(database, path, lambda: SqlJobQueue(database).claim(at=NOON))

    assert set(unbounded(plans)) - BOUNDED == {"SCAN jobs USING INDEX jobs_waiting"}


async def test_a_favourite_is_looked_for_by_the_same_index(database: Database, path: Path) -> None:
    await SqlJobRepository(database).add(a_job())
    queue = SqlJobQueue(database)

    plans = await plans_of(database, path, lambda: queue.claim(at=NOON, favourite="mini-ti2v"))

    assert any("USING INDEX jobs_waiting (priority=?)" in step for step in plans)
    assert set(unbounded(plans)) - BOUNDED == {"SCAN jobs USING INDEX jobs_waiting"}


async def test_moving_walks_the_line_and_sorts_nothing(database: Database, path: Path) -> None:
    for number in range(3):
        await SqlJobRepository(database).add(a_job(f"gen_{number}"))
    queue = SqlJobQueue(database)

    plans = await plans_of(database, path, lambda: queue.move("gen_0", at=NOON, position=2))

    assert {step.split()[-1] for step in unbounded(plans)} <= {"jobs_waiting"}


async def test_updating_finds_the_job_by_its_id(database: Database, path: Path) -> None:
    repository = SqlJobRepository(database)
    await repository.add(a_job_that_is(JobStatus.RUNNING))

    def suspend(job: Job) -> None:
        job.end_attempt(RenderFailed(), fence=1, at=NOON)

    plans = await plans_of(database, path, lambda: repository.update("gen_1", suspend))

    assert plans
    assert unbounded(plans) == []


async def plans_of_reading(path: Path, act: Callable[[], Awaitable[object]]) -> list[str]:
    """The plan of every statement that the reading connections run for `act`."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_: object) -> None:
        asked.append((statement, values))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await act()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    with closing(sqlite3.connect(path)) as other:
        return [
            step
            for statement, values in asked
            for _, _, _, step in other.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        ]


@pytest.mark.parametrize("before", [None, "gen_1"])
@pytest.mark.parametrize("statuses", [[status] for status in JobStatus] + [list(JobStatus)])
async def test_listing_by_status_reads_no_more_than_what_is_listed(
    statuses: list[JobStatus], before: str | None, database: Database, path: Path
) -> None:
    # The failed ones among a million were looked for one by one: three who asked kept every reader.
    repository = SqlJobRepository(database)
    await repository.add(a_job())

    plans = await plans_of_reading(path, lambda: repository.list(statuses=statuses, before=before))

    indexes = {step.split(" INDEX ")[1].split()[0] for step in plans if " USING INDEX " in step}
    assert indexes <= {"jobs_begun_by_status", "jobs_queued"}
    assert set(unbounded(plans)) <= {"SCAN jobs USING INDEX jobs_queued"}


@pytest.mark.parametrize("statuses", [[], *([status] for status in JobStatus)])
async def test_listing_generations_by_status_reads_no_more_than_what_is_listed(
    statuses: list[JobStatus], database: Database, path: Path
) -> None:
    library = SqlLibrary(database)

    plans = await plans_of_reading(
        path, lambda: library.generations(Filters(), statuses=statuses, after="gen_1")
    )

    assert not [step for step in plans if "TEMP B-TREE" in step and "RIGHT PART" not in step][1:]
    assert any("SEARCH" in step and ("jobs" in step or "cards" in step) for step in plans), plans


async def test_the_last_runs_are_found_without_reading_past_those_that_were_not_measured(
    database: Database, path: Path
) -> None:
    history = SqlRunHistory(database)

    plans = await plans_of_reading(path, lambda: history.latest(limit=50))

    assert plans == ["SCAN jobs USING INDEX measured_jobs_by_age"]


@pytest.mark.parametrize("before", [None, "gen_1"])
@pytest.mark.parametrize(
    "statuses", [[], [JobStatus.QUEUED], [JobStatus.FAILED, JobStatus.RUNNING]]
)
async def test_listing_one_clients_reads_no_others(
    statuses: list[JobStatus], before: str | None, database: Database, path: Path
) -> None:
    repository = SqlJobRepository(database)
    await repository.add(a_job())

    plans = await plans_of_reading(
        path, lambda: repository.list(client="key_1", statuses=statuses, before=before)
    )

    begun = {*(statuses or JobStatus)} - {JobStatus.QUEUED}
    walks = [s for s in plans if "INDEX jobs_begun_of_client (client=? AND status=?" in s]
    assert len(walks) == len(begun)
    # What waits of one client is sorted: a key's share is a hundred.
    assert set(unbounded(plans)) <= {"USE TEMP B-TREE FOR ORDER BY"}
    assert ("TEMP B-TREE" in str(plans)) == (JobStatus.QUEUED in (statuses or JobStatus))


async def test_room_is_counted_by_index(database: Database, path: Path) -> None:
    repository, room = SqlJobRepository(database), Room(total=1000, share=100)

    plans = await plans_of(database, path, lambda: repository.add(a_job(), room=room))

    assert any("INDEX jobs_waiting_of_client (client=?)" in step for step in plans)
    assert set(unbounded(plans)) <= BOUNDED | {"SCAN jobs USING INDEX jobs_queued", "SCAN anon_1"}


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        (Filters(), "cards_in_order"),
        (Filters(checkpoints=("mini",)), "cards_of_checkpoint"),
        (Filters(sizes=("16x16",)), "cards_of_size"),
        (Filters(client="ann"), "cards_of_client"),
        (Filters(min_rating=3), "cards_rated"),
        (Filters(is_favourite=True), "cards_favourite"),
        (Filters(until=NOON), "cards_in_order"),
    ],
)
@pytest.mark.parametrize("is_deleted", [False, True])
async def test_listing_videos_of_any_kind_walks_an_index_in_order(
    filters: Filters, index: str, is_deleted: bool, database: Database, path: Path
) -> None:
    library = SqlLibrary(database)

    plans = await plans_of_reading(
        path, lambda: library.outputs(filters, is_deleted=is_deleted, after="gen_1")
    )

    assert any(index in step for step in plans), plans
    # The fifty that were found are put in order again.
    assert [step for step in plans if "TEMP B-TREE" in step] <= ["USE TEMP B-TREE FOR ORDER BY"]
    assert not [step for step in plans if step.startswith("SCAN cards") or step == "SCAN jobs"]


async def test_listing_one_clients_generations_reads_no_others(
    database: Database, path: Path
) -> None:
    library = SqlLibrary(database)

    plans = await plans_of_reading(path, lambda: library.generations(Filters(client="key_1")))

    walks = [s for s in plans if "INDEX jobs_begun_of_client (client=? AND status=?" in s]
    assert len(walks) == len(JobStatus) - 1
    assert not [step for step in plans if step.startswith(("SCAN cards", "SCAN jobs"))]


async def test_searching_words_asks_the_index_of_words_first(
    database: Database, path: Path
) -> None:
    library = SqlLibrary(database)

    plans = await plans_of_reading(path, lambda: library.outputs(Filters(text="red", min_rating=3)))

    words = next(step for step in plans if "prompts" in step)
    assert words.startswith("SCAN prompts VIRTUAL TABLE INDEX"), plans
    assert any("SEARCH cards USING INTEGER PRIMARY KEY" in step for step in plans)


async def test_counting_videos_reads_one_index_in_order(database: Database, path: Path) -> None:
    library = SqlLibrary(database)

    plans = await plans_of_reading(
        path, lambda: library.facets(Filters(since=NOON, client="ann", checkpoints=("mini",)))
    )

    assert plans[0] == "SEARCH cards USING COVERING INDEX cards_counted (state=?)"
    assert not [step for step in plans if "TEMP B-TREE" in step]


async def test_housekeeping_finds_the_oldest_by_index(database: Database, path: Path) -> None:
    library = SqlLibrary(database)

    plans = await plans_of_reading(path, lambda: library.in_state(OutputState.DELETED, before=NOON))

    assert "SEARCH cards USING INDEX cards_by_age (state=? AND since<?)" in plans
    assert unbounded(plans) == []


async def test_descendants_are_found_by_index(database: Database, path: Path) -> None:
    library = SqlLibrary(database)

    plans = await plans_of_reading(path, lambda: library.descendants("gen_1"))

    assert {"jobs_retried", "jobs_made_from"} <= {
        step.split(" INDEX ")[1].split()[0] for step in plans if " INDEX " in step
    }
