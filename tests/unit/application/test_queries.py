"""What drivers ask to show."""

import asyncio

import pytest

from application.disk_gate import DiskGate
from application.dispatch_jobs import DispatchJobs
from application.queries import Queries
from domain.access import Caller, Quota, Scope
from domain.errors import PreviewMissing, UnknownJob
from domain.job import Job
from domain.job_event import JobStatus
from domain.progress import Stage
from domain.rendering import Previewed
from tests.fakes.clock import FakeClock
from tests.fakes.examples import NOON, a_job, a_job_that_is, a_video
from tests.fakes.hardware_probe import GIB, FakeHardwareProbe
from tests.fakes.jobs import InMemoryJobs
from tests.unit.application.attempt import Lane

#: Seconds: longer than any test lives.
NEVER_S = 60.0


@pytest.fixture
def dispatch(jobs: InMemoryJobs, lane: Lane, gate: DiskGate, clock: FakeClock) -> DispatchJobs:
    """Two slots; not running."""
    return DispatchJobs(jobs.queue, [lane(), lane(number=1)], gate, clock)


@pytest.fixture
def queries(jobs: InMemoryJobs, dispatch: DispatchJobs, gate: DiskGate) -> Queries:
    return Queries(jobs.repository, jobs.queue, jobs.event_log, dispatch, gate)


async def follow(queries: Queries, job_id: str = "gen_1", *, after: int = 0) -> list[int]:
    """The numbers of all events until the job's last."""
    async with asyncio.timeout(5):
        events = queries.follow(job_id, after=after, heartbeat_s=NEVER_S)
        return [logged.number async for logged in events if logged]


def live_and_end(job: Job) -> None:
    job.claim(at=NOON)
    job.enter_stage(Stage.DENOISING, fence=1, at=NOON)
    job.begin_publishing(a_video(), fence=1, at=NOON)
    job.complete(fence=1, at=NOON)


async def test_the_preview_is_that_of_the_lane_that_runs_the_job(
    queries: Queries, dispatch: DispatchJobs, jobs: InMemoryJobs
) -> None:
    for lane, job in zip(dispatch.lanes, [a_job("gen_1"), a_job("gen_2")], strict=True):
        await jobs.repository.add(job)
        lane.running = job
    dispatch.lanes[1].preview = Previewed(step=3, image=b"three")

    assert await queries.preview("gen_2") == Previewed(step=3, image=b"three")
    with pytest.raises(PreviewMissing, match="no preview: it is queued"):
        await queries.preview("gen_1")
    with pytest.raises(UnknownJob):
        await queries.preview("gen_3")


async def test_jobs_are_shown_as_they_are_kept(queries: Queries, jobs: InMemoryJobs) -> None:
    await jobs.repository.add(a_job("gen_1"))
    await jobs.repository.add(a_job_that_is(JobStatus.RUNNING, "gen_2"))

    assert (await queries.job("gen_1")).id == "gen_1"


async def test_the_queue_is_told_with_whatever_keeps_it(
    queries: Queries, jobs: InMemoryJobs, dispatch: DispatchJobs, hardware: FakeHardwareProbe
) -> None:
    for number in range(3):
        await jobs.repository.add(a_job(f"gen_{number}"))
    claimed = await jobs.queue.claim(at=NOON, slot=1)
    dispatch.lanes[1].running = claimed
    await jobs.queue.set_paused(paused=True, at=NOON)
    hardware.free = 5 * GIB

    queue = await queries.queue(limit=1)

    assert [job.id for job in queue.running] == ["gen_0"]
    assert [job.id for job in queue.waiting] == ["gen_1"]
    assert (queue.paused_since, queue.is_draining) == (NOON, False)
    assert "5120 MiB" in (queue.problem or "")
    assert [slot.job_id for slot in queue.slots] == [None, "gen_0"]


class TestFollowing:
    async def test_a_finished_job_is_told_from_its_first_event_to_its_last(
        self, queries: Queries, jobs: InMemoryJobs
    ) -> None:
        await jobs.repository.add(a_job())
        await jobs.repository.update("gen_1", live_and_end)

        assert await follow(queries) == [1, 2, 3, 4, 5]

    async def test_who_comes_back_is_told_exactly_the_rest(
        self, queries: Queries, jobs: InMemoryJobs
    ) -> None:
        await jobs.repository.add(a_job())
        await jobs.repository.update("gen_1", live_and_end)

        assert await follow(queries, after=3) == [4, 5]
        assert await follow(queries, after=5) == []

    async def test_events_are_told_as_they_come(self, queries: Queries, jobs: InMemoryJobs) -> None:
        await jobs.repository.add(a_job())
        following = asyncio.create_task(follow(queries))
        await asyncio.sleep(0.01)

        await jobs.repository.update("gen_1", lambda job: job.claim(at=NOON))
        await asyncio.sleep(0.01)
        await jobs.repository.update("gen_1", lambda job: job.cancel(fence=1, at=NOON))

        assert await following == [1, 2, 3]

    async def test_other_jobs_events_are_not_told(
        self, queries: Queries, jobs: InMemoryJobs
    ) -> None:
        await jobs.repository.add(a_job("gen_1"))
        following = asyncio.create_task(follow(queries))
        await asyncio.sleep(0.01)

        await jobs.repository.add(a_job_that_is(JobStatus.COMPLETED, "gen_2"))
        await jobs.repository.update("gen_1", lambda job: job.request_cancel(at=NOON))

        assert await following == [1, await jobs.event_log.latest()]

    async def test_silence_is_told_even_while_other_jobs_are_loud(
        self, queries: Queries, jobs: InMemoryJobs
    ) -> None:
        # Any job's event put the heartbeat off, and proxies closed the stream of a quiet one.
        await jobs.repository.add(a_job())

        async def be_loud() -> None:
            for number in range(1000):
                await jobs.repository.add(a_job(f"gen_loud_{number}"))
                await asyncio.sleep(0.002)

        loud = asyncio.create_task(be_loud())
        async with asyncio.timeout(1):
            heard = queries.follow("gen_1", after=1, heartbeat_s=0.02)
            beats = [await anext(heard) for _ in range(2)]
        loud.cancel()

        assert beats == [None, None]

    async def test_an_unknown_job_cannot_be_followed(self, queries: Queries) -> None:
        with pytest.raises(UnknownJob):
            await follow(queries, "gen_nobody")


async def test_all_generations_are_followed_from_now_on_or_from_where_one_was(
    queries: Queries, jobs: InMemoryJobs, dispatch: DispatchJobs, gate: DiskGate
) -> None:
    await jobs.repository.add(a_job("gen_1"))
    await jobs.repository.add(a_job("gen_2", client="ann"))

    ports = (jobs.repository, jobs.queue, jobs.event_log)
    of_key = Queries(
        *ports, dispatch, gate, caller=Caller(client="ann", scope=Scope.READ, quota=Quota())
    )

    async def follow(count: int, *, after: int, asked: Queries = queries) -> list[tuple[int, str]]:
        told = asked.follow_all(after=after, heartbeat_s=NEVER_S)
        async with asyncio.timeout(5):
            events = [await anext(told) for _ in range(count)]
        return [(logged.number, logged.event.job_id) for logged in events if logged]

    coming = asyncio.create_task(follow(2, after=await queries.latest_event()))
    beyond = asyncio.create_task(follow(1, after=99))
    of_ann = asyncio.create_task(follow(1, after=2, asked=of_key))
    await asyncio.sleep(0.01)
    await jobs.repository.update("gen_1", live_and_end)
    await jobs.repository.update("gen_2", lambda job: job.request_cancel(at=NOON))

    assert await coming == [(3, "gen_1"), (4, "gen_1")]
    assert await beyond == [(3, "gen_1")]
    assert await of_ann == [(7, "gen_2")]
    everything = await follow(7, after=0)
    assert [number for number, _ in everything] == [1, 2, 3, 4, 5, 6, 7]
    assert {job_id for _, job_id in everything[2:6]} == {"gen_1"}


async def test_silence_about_all_generations_is_broken(queries: Queries) -> None:
    async with asyncio.timeout(5):
        assert await anext(queries.follow_all(after=0, heartbeat_s=0.01)) is None
