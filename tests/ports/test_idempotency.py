"""What every JobRepository does with a request that is sent again."""

import asyncio
from datetime import timedelta

import pytest

from domain.errors import Conflict, KeyReused
from domain.idempotency import KEY_LIFETIME_DAYS, UNCHOSEN_KEY_LIFETIME, IdempotencyKey
from domain.job_event import JobStatus
from domain.ports.event_log import EventLog
from domain.ports.job_queue import JobQueue
from domain.ports.job_repository import JobRepository
from tests.fakes.examples import A_SECOND, NOON, a_job

KEY = IdempotencyKey.of("ann", "first", b"a red circle")
LIFETIME = timedelta(days=KEY_LIFETIME_DAYS)


async def test_the_same_key_for_the_same_request_is_the_same_job(
    repository: JobRepository, event_log: EventLog
) -> None:
    first = a_job("gen_1")
    assert await repository.add(first, key=KEY) is first

    again = await repository.add(a_job("gen_2"), key=KEY)

    assert again == first
    assert [job.id for job in await repository.list()] == ["gen_1"]
    assert await event_log.latest() == 1


async def test_what_comes_back_is_the_job_as_it_is_now(
    repository: JobRepository, queue: JobQueue
) -> None:
    await repository.add(a_job(), key=KEY)
    await queue.claim(at=NOON)

    assert (await repository.add(a_job("gen_2"), key=KEY)).status is JobStatus.RUNNING


async def test_the_same_key_for_another_request_is_refused(repository: JobRepository) -> None:
    await repository.add(a_job("gen_1"), key=KEY)

    with pytest.raises(KeyReused):
        await repository.add(
            a_job("gen_2"), key=IdempotencyKey.of("ann", "first", b"a blue square")
        )

    assert [job.id for job in await repository.list()] == ["gen_1"]


async def test_a_key_is_its_clients_own(repository: JobRepository) -> None:
    await repository.add(a_job("gen_1"), key=KEY)

    await repository.add(a_job("gen_2"), key=IdempotencyKey.of("bob", "first", b"a blue square"))

    assert len(await repository.list()) == 2


async def test_without_a_key_every_request_is_a_job(repository: JobRepository) -> None:
    await repository.add(a_job("gen_1"))
    await repository.add(a_job("gen_2"))

    assert len(await repository.list()) == 2


async def test_a_hundred_of_one_request_at_once_are_one_job(
    repository: JobRepository, event_log: EventLog
) -> None:
    kept = await asyncio.gather(*(repository.add(a_job(f"gen_{n}"), key=KEY) for n in range(100)))

    assert len({job.id for job in kept}) == 1
    assert len(await repository.list()) == 1
    assert await event_log.latest() == 1


async def test_a_key_whose_job_was_refused_is_still_free(repository: JobRepository) -> None:
    await repository.add(a_job("gen_1"))
    with pytest.raises(Conflict):
        await repository.add(a_job("gen_1"), key=KEY)

    kept = await repository.add(a_job("gen_2"), key=KEY)

    assert kept.id == "gen_2"


async def test_a_key_is_remembered_for_its_lifetime_and_then_free(
    repository: JobRepository,
) -> None:
    await repository.add(a_job("gen_1", at=NOON), key=KEY)

    last = await repository.add(a_job("gen_2", at=NOON + LIFETIME), key=KEY)
    after = await repository.add(a_job("gen_3", at=NOON + LIFETIME + A_SECOND), key=KEY)
    again = await repository.add(a_job("gen_4", at=NOON + LIFETIME + A_SECOND), key=KEY)

    assert [last.id, after.id, again.id] == ["gen_1", "gen_3", "gen_3"]


async def test_a_key_finds_its_job_as_it_is_now_for_as_long_as_it_is_remembered(
    repository: JobRepository, queue: JobQueue
) -> None:
    await repository.add(a_job("gen_1", at=NOON), key=KEY)
    await queue.claim(at=NOON)

    found = await repository.find(KEY, at=NOON + LIFETIME)
    after = await repository.find(KEY, at=NOON + LIFETIME + A_SECOND)

    assert found == await repository.get("gen_1")
    assert after is None


async def test_a_key_that_was_never_used_finds_nothing(repository: JobRepository) -> None:
    await repository.add(a_job("gen_1"), key=KEY)

    other = IdempotencyKey.of("bob", "first", b"a red circle")

    assert await repository.find(other, at=NOON) is None


async def test_a_key_that_was_used_for_something_else_is_refused_when_it_is_looked_up(
    repository: JobRepository,
) -> None:
    await repository.add(a_job("gen_1"), key=KEY)

    with pytest.raises(KeyReused):
        await repository.find(IdempotencyKey.of("ann", "first", b"a blue square"), at=NOON)


def unchosen(*, is_repeated: bool, asked: bytes = b"a red circle") -> IdempotencyKey:
    return IdempotencyKey.unchosen("ann", asked, is_repeated=is_repeated)


async def test_a_repetition_is_the_last_job_that_was_asked_for_so(
    repository: JobRepository,
) -> None:
    await repository.add(a_job("gen_1"), key=unchosen(is_repeated=False))
    await repository.add(a_job("gen_2"), key=unchosen(is_repeated=False))

    again = await repository.add(a_job("gen_3"), key=unchosen(is_repeated=True))
    found = await repository.find(unchosen(is_repeated=True), at=NOON)

    assert again.id == "gen_2"
    assert found is not None
    assert found.id == "gen_2"
    assert len(await repository.list()) == 2


async def test_what_is_no_repetition_is_never_found(repository: JobRepository) -> None:
    await repository.add(a_job("gen_1"), key=unchosen(is_repeated=False))

    assert await repository.find(unchosen(is_repeated=False), at=NOON) is None


async def test_a_repetition_of_something_else_is_a_job(repository: JobRepository) -> None:
    await repository.add(a_job("gen_1"), key=unchosen(is_repeated=False))

    other = unchosen(is_repeated=True, asked=b"a blue square")

    assert (await repository.add(a_job("gen_2"), key=other)).id == "gen_2"


async def test_a_repetition_that_comes_too_late_is_a_job(repository: JobRepository) -> None:
    await repository.add(a_job("gen_1"), key=unchosen(is_repeated=False))

    in_time = NOON + UNCHOSEN_KEY_LIFETIME
    late = in_time + A_SECOND

    assert await repository.find(unchosen(is_repeated=True), at=in_time) is not None
    assert await repository.find(unchosen(is_repeated=True), at=late) is None
    kept = await repository.add(a_job("gen_2", at=late), key=unchosen(is_repeated=True))
    assert kept.id == "gen_2"
