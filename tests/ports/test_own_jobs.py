"""What jobs being somebody's own means, to every JobRepository and JobQueue."""

import asyncio

import pytest

from domain.access import Room
from domain.access_errors import QueueFull, ShareUsedUp
from domain.idempotency import IdempotencyKey
from domain.job_event import JobStatus
from domain.ports.job_queue import JobQueue
from domain.ports.job_repository import JobRepository
from tests.fakes.examples import NOON, a_job


async def add(repository: JobRepository, names: str, room: Room | None = None) -> None:
    """Jobs called `<client><number>`, in this order."""
    for name in names.split():
        await repository.add(a_job(name, client=name[0]), room=room)


async def test_a_list_may_be_one_clients_alone(repository: JobRepository) -> None:
    await add(repository, "a1 b1 a2 b2 a3")

    everybodys = await repository.list(client="a")
    rest = await repository.list(client="a", before="a3", limit=1)

    assert [job.id for job in everybodys] == ["a3", "a2", "a1"]
    assert [job.id for job in rest] == ["a2"]
    assert await repository.list(client="nobody") == []


async def test_and_of_some_states_of_its(repository: JobRepository, queue: JobQueue) -> None:
    await add(repository, "a1 b1 a2")
    await queue.claim(at=NOON)

    waiting = await repository.list(client="a", statuses=(JobStatus.QUEUED,))
    active = await repository.list(client="a", statuses=(JobStatus.RUNNING,))

    assert [job.id for job in waiting] == ["a2"]
    assert [job.id for job in active] == ["a1"]


async def test_so_may_the_line(repository: JobRepository, queue: JobQueue) -> None:
    await add(repository, "a1 b1 a2 b2")

    assert [job.id for job in await queue.line(client="b")] == ["b1", "b2"]
    assert [job.id for job in await queue.line(client="b", limit=1)] == ["b1"]
    assert await queue.line(client="nobody") == []


async def test_the_line_has_a_length(repository: JobRepository, queue: JobQueue) -> None:
    assert await queue.length() == 0
    await add(repository, "a1 b1 a2")
    await queue.claim(at=NOON)

    assert await queue.length() == 2


async def test_one_client_has_room_for_its_share(repository: JobRepository) -> None:
    room = Room(share=2)
    await add(repository, "a1 a2 b1", room)

    with pytest.raises(ShareUsedUp):
        await repository.add(a_job("a3", client="a"), room=room)

    await add(repository, "b2", room)
    assert [job.id for job in await repository.list()] == ["b2", "b1", "a2", "a1"]


async def test_all_have_room_up_to_the_total(repository: JobRepository, queue: JobQueue) -> None:
    room = Room(total=3)
    await add(repository, "a1 b1 c1", room)

    with pytest.raises(QueueFull):
        await repository.add(a_job("d1", client="d"), room=room)

    await queue.claim(at=NOON)
    await add(repository, "d1", room)


async def test_what_was_refused_may_be_added_once_there_is_room(
    repository: JobRepository, queue: JobQueue
) -> None:
    await add(repository, "a1")
    job, key = a_job("a2", client="a"), IdempotencyKey.of("a", "key", b"")
    with pytest.raises(ShareUsedUp):
        await repository.add(job, key=key, room=Room(share=1))
    assert await repository.find(key, at=NOON) is None
    await queue.claim(at=NOON)

    kept = await repository.add(job, key=key, room=Room(share=1))

    assert kept.id == "a2"


async def test_a_submission_that_comes_again_needs_no_room(repository: JobRepository) -> None:
    key = IdempotencyKey.of("a", "key", b"")
    await repository.add(a_job("a1", client="a"), key=key, room=Room(total=1))

    again = await repository.add(a_job("a2", client="a"), key=key, room=Room(total=1))

    assert again.id == "a1"


async def test_however_many_come_at_once_the_room_holds(repository: JobRepository) -> None:
    room = Room(total=7, share=5)
    coming = [
        repository.add(a_job(f"{client}{number}", client=client), room=room)
        for number in range(20)
        for client in "ab"
    ]

    outcomes = await asyncio.gather(*coming, return_exceptions=True)

    kept = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
    assert len(kept) == len(await repository.list()) == 7
    assert {type(o) for o in outcomes if isinstance(o, Exception)} <= {QueueFull, ShareUsedUp}
