"""What every JobQueue does for a slot that has a checkpoint loaded."""

import pytest

from domain.job_event import JobStatus
from domain.ports.job_queue import JobQueue
from domain.ports.job_repository import JobRepository
from domain.slot import FAVOUR_REACH
from tests.fakes.examples import A_SECOND, NOON, a_job, a_request

LOADED = "mini-ti2v"


async def add(
    repository: JobRepository, job_id: str, checkpoint: str = "mini", *, priority: int = 0
) -> None:
    request = a_request(checkpoint=checkpoint)
    await repository.add(a_job(job_id, request=request, priority=priority))


async def order(queue: JobQueue, count: int, favourite: str | None = LOADED) -> list[str]:
    jobs = [await queue.claim(at=NOON, slot=slot, favourite=favourite) for slot in range(count)]
    return [job.id for job in jobs if job]


async def test_a_job_for_the_loaded_checkpoint_goes_first_and_the_rest_keeps_its_order(
    repository: JobRepository, queue: JobQueue
) -> None:
    for job_id, checkpoint in (("a", "mini"), ("b", LOADED), ("c", "mini"), ("d", LOADED)):
        await add(repository, job_id, checkpoint)

    assert await order(queue, 4) == ["b", "d", "a", "c"]
    assert (await repository.get("b")).status is JobStatus.RUNNING


async def test_without_a_favourite_the_line_alone_decides(
    repository: JobRepository, queue: JobQueue
) -> None:
    await add(repository, "a")
    await add(repository, "b", LOADED)

    assert await order(queue, 2, favourite=None) == ["a", "b"]


async def test_no_favourite_goes_before_a_higher_priority(
    repository: JobRepository, queue: JobQueue
) -> None:
    await add(repository, "a", LOADED)
    await add(repository, "b", priority=1)

    assert await order(queue, 2) == ["b", "a"]


@pytest.mark.parametrize(("ahead", "is_first"), [(FAVOUR_REACH - 1, True), (FAVOUR_REACH, False)])
async def test_a_favourite_far_from_its_turn_waits_for_it(
    ahead: int, is_first: bool, repository: JobRepository, queue: JobQueue
) -> None:
    for number in range(ahead):
        await add(repository, f"gen_{number}")
    await add(repository, "far", LOADED)

    assert await order(queue, 1) == (["far"] if is_first else ["gen_0"])


async def test_a_favourite_whose_time_has_not_come_is_passed_over(
    repository: JobRepository, queue: JobQueue
) -> None:
    await add(repository, "a")
    paused = a_job("b", request=a_request(checkpoint=LOADED))
    paused.run_after = NOON + A_SECOND
    await repository.add(paused)

    assert await order(queue, 2) == ["a"]


async def test_a_paused_queue_has_no_favourites(repository: JobRepository, queue: JobQueue) -> None:
    await add(repository, "b", LOADED)
    await queue.set_paused(paused=True, at=NOON)

    assert await order(queue, 1) == []


async def test_who_takes_some_checkpoints_only_overtakes_nobody(
    repository: JobRepository, queue: JobQueue
) -> None:
    await add(repository, "a", "t2v-1.3B")
    await add(repository, "b")
    only = frozenset({"mini", LOADED})
    assert await queue.claim(at=NOON, slot=1, only=only) is None
    assert (await repository.get("b")).status is JobStatus.QUEUED

    await queue.claim(at=NOON, slot=0)

    job = await queue.claim(at=NOON, slot=1, only=only)
    assert job is not None
    assert (job.id, job.slot) == ("b", 1)
