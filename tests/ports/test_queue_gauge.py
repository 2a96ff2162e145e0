"""The contract of `QueueGauge`, on every adapter."""

from domain.ports.job_queue import JobQueue
from domain.ports.job_repository import JobRepository
from domain.ports.queue_gauge import QueueGauge
from tests.fakes.examples import A_SECOND, NOON, a_job


async def test_an_empty_line_has_no_oldest(gauge: QueueGauge) -> None:
    assert (await gauge.read()).oldest_waiting_at is None


async def test_the_oldest_of_those_that_wait_is_told_whoever_goes_first(
    repository: JobRepository, queue: JobQueue, gauge: QueueGauge
) -> None:
    await repository.add(a_job("gen_1", at=NOON))
    await repository.add(a_job("gen_2", at=NOON + A_SECOND))
    await repository.add(a_job("gen_3", at=NOON + 2 * A_SECOND, priority=9))
    await queue.claim(at=NOON)

    assert (await gauge.read()).oldest_waiting_at == NOON

    await queue.claim(at=NOON, slot=1)

    assert (await gauge.read()).oldest_waiting_at == NOON + A_SECOND
