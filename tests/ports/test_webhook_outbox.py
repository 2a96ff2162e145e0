"""The contract of `WebhookOutbox`, on every adapter; each tells the server's own URL, too."""

import asyncio

from domain.errors import WorkerCrashed
from domain.ports.job_queue import JobQueue
from domain.ports.job_repository import JobRepository
from domain.ports.webhook_outbox import WebhookOutbox
from tests.fakes.examples import A_SECOND, NOON, a_job, a_video

URL = "https://hooks.example/done"


async def over(repository: JobRepository, job_id: str, url: str | None = URL) -> None:
    """A job that was cancelled at noon."""
    await repository.add(a_job(job_id, webhook_url=url))
    await repository.update(job_id, lambda job: job.request_cancel(at=NOON))


async def test_what_is_over_is_to_be_told_to_both(
    repository: JobRepository, outbox: WebhookOutbox
) -> None:
    await over(repository, "gen_1")

    due = await outbox.due(at=NOON, limit=9)

    assert [(one.job_id, one.url, one.tries) for one in due] == [
        ("gen_1", URL, 0),
        ("gen_1", None, 0),
    ]
    assert len({one.id for one in due}) == 2
    assert await outbox.length() == 2


async def test_only_the_end_is_told_and_only_once(
    repository: JobRepository, queue: JobQueue, outbox: WebhookOutbox
) -> None:
    await repository.add(a_job("gen_1"))
    await queue.claim(at=NOON)
    await repository.update("gen_1", lambda job: job.end_attempt(WorkerCrashed(), fence=1, at=NOON))
    await queue.claim(at=NOON)
    await repository.update("gen_1", lambda job: job.begin_publishing(a_video(), fence=2, at=NOON))
    assert await outbox.length() == 0

    await repository.update("gen_1", lambda job: job.complete(fence=2, at=NOON))
    await repository.update("gen_1", lambda _job: None)

    assert await outbox.length() == 1


async def test_a_refused_change_tells_nobody(
    repository: JobRepository, outbox: WebhookOutbox
) -> None:
    await repository.add(a_job("gen_1"))

    def end_and_break(job: object) -> None:
        job.request_cancel(at=NOON)  # type: ignore[attr-defined]  # a job
        raise ValueError("broken")

    try:
        await repository.update("gen_1", end_and_break)
    except ValueError:
        assert await outbox.length() == 0
    else:
        raise AssertionError("it was kept")


async def test_what_is_postponed_comes_later_and_counts_its_tries(
    repository: JobRepository, outbox: WebhookOutbox
) -> None:
    await over(repository, "gen_1", url=None)
    [first] = await outbox.due(at=NOON, limit=9)

    await outbox.postpone(first.number, until=NOON + A_SECOND)

    assert await outbox.due(at=NOON, limit=9) == []
    [again] = await outbox.due(at=NOON + A_SECOND, limit=9)
    assert (again.id, again.number, again.tries) == (first.id, first.number, 1)


async def test_what_is_removed_is_gone_and_unknown_numbers_are_passed_over(
    repository: JobRepository, outbox: WebhookOutbox
) -> None:
    await over(repository, "gen_1", url=None)
    [first] = await outbox.due(at=NOON, limit=9)

    await outbox.remove(first.number)
    await outbox.remove(first.number)
    await outbox.postpone(first.number, until=NOON)

    assert await outbox.due(at=NOON, limit=9) == []


async def test_those_due_longest_come_first_and_no_more_than_are_wanted(
    repository: JobRepository, outbox: WebhookOutbox
) -> None:
    for job_id in ("gen_1", "gen_2", "gen_3"):
        await over(repository, job_id, url=None)
    first = (await outbox.due(at=NOON, limit=1))[0]
    await outbox.postpone(first.number, until=NOON + A_SECOND)

    due = await outbox.due(at=NOON + A_SECOND, limit=2)

    assert [one.job_id for one in due] == ["gen_2", "gen_3"]


async def test_waiting_ends_when_there_is_something(
    repository: JobRepository, outbox: WebhookOutbox
) -> None:
    now = NOON - A_SECOND  # it ends while somebody waits, and so after that began
    waiting = asyncio.create_task(outbox.wait(now=lambda: now, timeout_s=30))
    await asyncio.sleep(0.05)

    now = NOON
    await over(repository, "gen_1")

    await asyncio.wait_for(waiting, timeout=10)
    await outbox.wait(now=lambda: NOON - A_SECOND, timeout_s=0.01)
