"""The order of the line, in every JobQueue: who is next, who takes turns, who was moved."""

import asyncio
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest

from domain.errors import (
    Conflict,
    IllegalTransition,
    Preempted,
    RenderFailed,
    RenderSuspended,
    UnknownJob,
)
from domain.job import Job
from domain.job_event import EventKind, JobStatus
from domain.ports.event_log import EventLog
from domain.ports.job_queue import JobQueue
from domain.ports.job_repository import JobRepository
from domain.toll import BACKOFF_S, LONGEST_WAIT_S
from tests.fakes.examples import A_SECOND, NOON, a_job, a_job_that_is

#: Seconds: long enough that only news can have ended the wait.
LONG_S = 30.0
#: Seconds: long enough to tell a wait from a look.
SHORT_S = 0.5


async def add_all(repository: JobRepository, names: str, *, priority: int = 0) -> None:
    """Adds jobs named `<client><number>`, in this order."""
    for name in names.split():
        await repository.add(a_job(name, client=name[0], priority=priority))


async def names(queue: JobQueue) -> str:
    return " ".join(job.id for job in await queue.line())


async def claim(queue: JobQueue, slot: int = 0) -> str | None:
    job = await queue.claim(at=NOON, slot=slot)
    return None if job is None else job.id


async def finish(repository: JobRepository, job_id: str) -> None:
    def cancel(job: Job) -> None:
        job.cancel(fence=job.fence, at=NOON)

    await repository.update(job_id, cancel)


async def seconds_waited(queue: JobQueue, *, timeout_s: float) -> float:
    begun = monotonic()
    await queue.wait(timeout_s=timeout_s)
    return monotonic() - begun


async def test_the_line_shows_what_waits_in_the_order_it_is_handed_out(
    repository: JobRepository, queue: JobQueue
) -> None:
    await repository.add(a_job_that_is(JobStatus.RUNNING, "running", slot=99))
    await add_all(repository, "a1 a2 a3 b1 b2 c1")
    shown = [job.id for job in await queue.line()]

    handed_out = [await claim(queue, slot) for slot in range(6)]

    assert handed_out == shown
    assert await queue.line() == []


async def test_the_line_can_be_shown_in_part(repository: JobRepository, queue: JobQueue) -> None:
    await add_all(repository, "a1 a2 a3")

    assert [job.id for job in await queue.line(limit=2)] == ["a1", "a2"]


async def test_a_client_that_floods_the_queue_delays_nobody_by_more_than_one_job(
    repository: JobRepository, queue: JobQueue
) -> None:
    await asyncio.gather(*(repository.add(a_job(f"a{n}", client="a")) for n in range(1000)))
    await add_all(repository, "b1 c1")

    handed_out = [await claim(queue, slot) for slot in range(3)]

    assert handed_out[1:] == ["b1", "c1"]


async def test_clients_take_turns_and_each_ones_own_jobs_keep_their_order(
    repository: JobRepository, queue: JobQueue
) -> None:
    await add_all(repository, "a1 a2 a3 b1 c1 b2 c2")

    assert await names(queue) == "a1 b1 c1 a2 b2 c2 a3"


async def test_who_comes_later_begins_with_the_turn_that_has_come(
    repository: JobRepository, queue: JobQueue
) -> None:
    # Turns already taken are no credit: a newcomer must not run ten jobs in a row to catch up.
    await add_all(repository, "a1 a2 a3 a4 a5 a6")
    for slot in range(3):
        await claim(queue, slot)

    await add_all(repository, "b1 b2 b3")

    assert await names(queue) == "a4 b1 a5 b2 a6 b3"


async def test_priority_goes_before_turns(repository: JobRepository, queue: JobQueue) -> None:
    await add_all(repository, "a1 a2 b1")
    await add_all(repository, "a3 a4 b2", priority=1)

    assert await names(queue) == "a3 b2 a4 a1 b1 a2"


async def test_a_job_that_comes_back_goes_before_those_that_came_while_it_ran(
    repository: JobRepository, queue: JobQueue
) -> None:
    # With an empty line the turns began at 0 again, and a job of turn 2 came back behind all others.
    await add_all(repository, "a1 a2 a3")
    for slot in range(3):
        await claim(queue, slot)
    await add_all(repository, "b1 b2")

    await repository.update("a3", lambda job: job.end_attempt(Preempted(), fence=1, at=NOON))

    assert await names(queue) == "a3 b1 b2"


async def test_a_pause_of_the_first_in_line_gives_nobody_turns_that_have_passed(
    repository: JobRepository, queue: JobQueue
) -> None:
    await add_all(repository, "a1 a2 a3 a4 a5 a6")
    for _ in range(3):
        taken = await claim(queue)
        assert taken is not None
        if taken == "a1":
            await repository.update(
                taken, lambda job: job.end_attempt(RenderFailed(), fence=1, at=NOON)
            )
        else:
            await finish(repository, taken)

    await add_all(repository, "b1 b2 b3")

    assert await names(queue) == "a1 a4 b1 a5 b2 a6 b3"


async def test_a_job_is_not_started_before_its_time(
    repository: JobRepository, queue: JobQueue
) -> None:
    await add_all(repository, "a1 a2")
    await claim(queue)
    await repository.update("a1", lambda job: job.end_attempt(RenderFailed(), fence=1, at=NOON))
    due = NOON + timedelta(seconds=BACKOFF_S[0])

    assert await claim(queue) == "a2"
    assert await queue.claim(at=due - A_SECOND, slot=1) is None

    job = await queue.claim(at=due, slot=1)
    assert job is not None
    assert (job.id, job.run_after) == ("a1", None)


async def test_the_line_may_be_asked_for_what_could_be_started(
    repository: JobRepository, queue: JobQueue
) -> None:
    await add_all(repository, "a1 a2 b1")
    await claim(queue)
    await repository.update("a1", lambda job: job.end_attempt(RenderFailed(), fence=1, at=NOON))
    due = NOON + timedelta(seconds=BACKOFF_S[0])
    assert (await names(queue)).split()[0] == "a1"

    async def startable(**asked: Any) -> list[str]:
        return [job.id for job in await queue.line(**asked)]

    assert "a1" not in await startable(startable_at=NOON)
    assert await startable(startable_at=NOON, limit=1, client="a") == ["a2"]
    assert await startable(startable_at=due, limit=1) == ["a1"]
    await queue.set_paused(paused=True, at=NOON)
    assert await startable(startable_at=due) == []


async def test_a_pause_that_a_clock_since_set_back_has_written_is_over(
    repository: JobRepository, queue: JobQueue
) -> None:
    await add_all(repository, "a1")
    await claim(queue)
    await repository.update("a1", lambda job: job.end_attempt(RenderFailed(), fence=1, at=NOON))
    due = NOON + timedelta(seconds=BACKOFF_S[0])

    longest = timedelta(seconds=LONGEST_WAIT_S)
    assert await queue.claim(at=due - longest) is None
    assert await queue.claim(at=due - longest - A_SECOND) is not None


async def test_a_wait_goes_on_while_all_that_waits_has_a_time_to_come(
    repository: JobRepository, queue: JobQueue
) -> None:
    # It ended at once, nothing could be claimed, and the dispatcher turned round and round.
    await add_all(repository, "a1")
    await claim(queue)
    await repository.update("a1", lambda job: job.end_attempt(RenderFailed(), fence=1, at=NOON))
    assert await seconds_waited(queue, timeout_s=SHORT_S) > SHORT_S / 2
    waiting = asyncio.create_task(queue.wait(timeout_s=LONG_S))

    await add_all(repository, "a2")

    async with asyncio.timeout(LONG_S / 2):
        await waiting


async def test_no_two_active_jobs_share_a_slot(repository: JobRepository, queue: JobQueue) -> None:
    await add_all(repository, "a1 a2")
    await claim(queue, 3)

    with pytest.raises(Conflict):
        await claim(queue, 3)

    assert (await repository.get("a2")).status is JobStatus.QUEUED
    await finish(repository, "a1")
    assert await claim(queue, 3) == "a2"
    assert (await repository.get("a1")).slot is None


@pytest.mark.parametrize(
    ("job_id", "position", "line"),
    [
        ("a3", 1, "a3 a1 b1 a2 b2"),
        ("a3", 2, "a1 a3 b1 a2 b2"),
        ("a3", 3, "a1 b1 a3 a2 b2"),
        ("a3", 4, "a1 b1 a2 a3 b2"),
        ("a1", 4, "b1 a2 b2 a1 a3"),
        ("a1", 5, "b1 a2 b2 a3 a1"),
        ("a1", 99, "b1 a2 b2 a3 a1"),
        ("b1", 2, "a1 b1 a2 b2 a3"),
        ("a3", 5, "a1 b1 a2 b2 a3"),
    ],
)
async def test_a_job_can_be_moved_to_any_position(
    repository: JobRepository, queue: JobQueue, job_id: str, position: int, line: str
) -> None:
    await add_all(repository, "a1 a2 a3 b1 b2")

    await queue.move(job_id, at=NOON, position=position)

    assert await names(queue) == line


@pytest.mark.parametrize(
    ("position", "line", "priority"),
    [(1, "b1 a2 a1", 5), (2, "a2 b1 a1", 0), (3, "a2 a1 b1", 0)],
)
async def test_a_moved_job_takes_the_priority_of_the_one_it_stands_before_or_at_the_end_behind(
    repository: JobRepository, queue: JobQueue, position: int, line: str, priority: int
) -> None:
    await add_all(repository, "a1")
    await add_all(repository, "b1", priority=3)
    await add_all(repository, "a2", priority=5)

    moved = await queue.move("b1", at=NOON, position=position)

    assert await names(queue) == line
    assert moved.priority == (await repository.get("b1")).priority == priority


async def test_a_job_alone_in_line_can_be_moved(repository: JobRepository, queue: JobQueue) -> None:
    await add_all(repository, "a1", priority=2)

    for position in (1, 2):
        moved = await queue.move("a1", at=NOON, position=position)

        assert moved.priority == 2
        assert await names(queue) == "a1"


async def test_a_moved_job_stays_where_it_was_put_when_others_come(
    repository: JobRepository, queue: JobQueue
) -> None:
    await add_all(repository, "a1 b1 c1")

    await queue.move("a1", at=NOON, position=3)
    await queue.move("b1", at=NOON, position=3)
    await add_all(repository, "d1 e1")

    assert await names(queue) == "c1 a1 b1 d1 e1"


async def test_there_is_always_room_for_another_between_two(
    repository: JobRepository, queue: JobQueue
) -> None:
    # Sixty halvings of one gap are more than a double can tell apart.
    await add_all(repository, "a1 b1 c1 d1 e1")
    for slot in range(2):
        await claim(queue, slot)

    for _ in range(60):
        await queue.move("e1", at=NOON, position=2)
        await queue.move("d1", at=NOON, position=2)

    assert await names(queue) == "c1 d1 e1"
    await repository.update("b1", lambda job: job.end_attempt(RenderSuspended(), fence=1, at=NOON))
    await add_all(repository, "f1")
    assert await names(queue) == "b1 c1 d1 e1 f1"


async def test_a_new_priority_puts_a_job_behind_what_its_client_has_waiting_there(
    repository: JobRepository, queue: JobQueue
) -> None:
    await add_all(repository, "a1 b1")
    await add_all(repository, "a2 a3 b2", priority=5)

    moved = await queue.move("a1", at=NOON, priority=5)

    assert moved.priority == 5
    assert await names(queue) == "a2 b2 a3 a1 b1"


async def test_a_move_is_an_event(
    repository: JobRepository, queue: JobQueue, event_log: EventLog
) -> None:
    await add_all(repository, "a1")

    await queue.move("a1", at=NOON + A_SECOND, priority=5)

    *_, moved = await event_log.read(after=0, job_id="a1")
    assert (moved.event.kind, moved.event.at) == (EventKind.MOVED, NOON + A_SECOND)


@pytest.mark.parametrize("status", [s for s in JobStatus if s is not JobStatus.QUEUED])
async def test_only_a_waiting_job_can_be_moved(
    repository: JobRepository, queue: JobQueue, status: JobStatus
) -> None:
    await add_all(repository, "a1")
    await repository.add(a_job_that_is(status))

    with pytest.raises(IllegalTransition):
        await queue.move("gen_1", at=NOON, position=1)

    assert await repository.get("gen_1") == a_job_that_is(status)


async def test_a_job_that_is_not_there_cannot_be_moved(queue: JobQueue) -> None:
    with pytest.raises(UnknownJob):
        await queue.move("gen_nobody", at=NOON, position=1)


async def test_nothing_is_handed_out_while_the_queue_is_paused(
    repository: JobRepository, queue: JobQueue
) -> None:
    await add_all(repository, "a1")
    await queue.set_paused(paused=True, at=NOON)
    assert await claim(queue) is None

    await queue.set_paused(paused=False, at=NOON)

    assert await claim(queue) == "a1"


async def test_the_queue_says_since_when_it_is_paused(queue: JobQueue) -> None:
    assert await queue.paused_since() is None

    await queue.set_paused(paused=True, at=NOON)
    await queue.set_paused(paused=True, at=NOON + A_SECOND)
    assert await queue.paused_since() == NOON

    await queue.set_paused(paused=False, at=NOON)
    await queue.set_paused(paused=False, at=NOON)
    assert await queue.paused_since() is None


async def test_what_runs_goes_on_while_the_queue_is_paused(
    repository: JobRepository, queue: JobQueue
) -> None:
    await add_all(repository, "a1")
    await claim(queue)
    await queue.set_paused(paused=True, at=NOON)

    await finish(repository, "a1")

    assert (await repository.get("a1")).status is JobStatus.CANCELLED


async def test_a_wait_goes_on_while_the_queue_is_paused_and_ends_when_it_is_resumed(
    repository: JobRepository, queue: JobQueue
) -> None:
    await queue.set_paused(paused=True, at=NOON)
    await add_all(repository, "a1")
    assert await seconds_waited(queue, timeout_s=SHORT_S) > SHORT_S / 2
    waiting = [asyncio.create_task(queue.wait(timeout_s=LONG_S)) for _ in range(3)]
    await asyncio.sleep(0)

    await queue.set_paused(paused=False, at=NOON)

    async with asyncio.timeout(LONG_S / 2):
        await asyncio.gather(*waiting)
