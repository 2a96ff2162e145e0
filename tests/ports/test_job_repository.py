"""What every JobRepository does."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from domain.derivation import Derivation
from domain.errors import (
    Conflict,
    OutOfAcceleratorMemory,
    RenderSuspended,
    StaleFence,
    UnknownJob,
)
from domain.job import Job
from domain.job_event import EventKind, JobStatus
from domain.memory_ladder import Relief
from domain.ports.event_log import EventLog
from domain.ports.job_repository import JobRepository
from domain.progress import Stage
from tests.fakes.examples import NOON, a_job, a_job_that_is, a_plan, a_request


@pytest.mark.parametrize("status", JobStatus)
async def test_a_job_comes_back_as_it_was_kept(
    repository: JobRepository, status: JobStatus
) -> None:
    job = a_job_that_is(status)

    await repository.add(job)

    assert await repository.get(job.id) == job


async def test_what_memory_that_ran_out_made_of_a_job_comes_back(repository: JobRepository) -> None:
    job = a_job_that_is(JobStatus.RUNNING)
    relief = Relief(
        rung=1, plan=replace(job.plan, reasons=("It is tighter.",)), told="It was full."
    )
    job.end_attempt(OutOfAcceleratorMemory(), fence=job.fence, at=NOON, relief=relief)

    await repository.add(job)

    kept = await repository.get(job.id)
    assert (kept.plan, kept.first_plan) == (relief.plan, a_plan())
    assert (kept.toll.oom_level, kept.toll.reliefs) == (1, 1)


async def test_every_instant_comes_back_in_utc_to_the_microsecond(
    repository: JobRepository,
) -> None:
    job = a_job()
    at = datetime(2026, 3, 29, 2, 30, 0, 7, tzinfo=timezone(timedelta(hours=2)))
    job.claim(at=at)
    job.request_cancel(at=at)
    job.cancel(fence=1, at=at)

    await repository.add(job)

    kept = await repository.get(job.id)
    instants = (kept.started_at, kept.cancel_requested_at, kept.finished_at)
    assert instants == (at, at, at)


async def test_the_text_of_a_request_comes_back_letter_by_letter(
    repository: JobRepository,
) -> None:
    prompt = 'a "quoted" \\ 红色 🔴\n\tcircle; DROP TABLE jobs'
    job = a_job(request=a_request(prompt=prompt))

    await repository.add(job)

    assert (await repository.get(job.id)).request.prompt == prompt


async def test_an_unknown_job_is_named_as_such(repository: JobRepository) -> None:
    with pytest.raises(UnknownJob):
        await repository.get("gen_nobody")
    with pytest.raises(UnknownJob):
        await repository.update("gen_nobody", leave_alone)


async def test_a_job_cannot_be_added_twice(repository: JobRepository, event_log: EventLog) -> None:
    await repository.add(a_job())

    with pytest.raises(Conflict):
        await repository.add(a_job(priority=5))

    assert (await repository.get("gen_1")).priority == 0
    assert await event_log.latest() == 1


async def test_a_job_that_was_refused_still_has_the_events_to_be_kept_with_it(
    repository: JobRepository,
) -> None:
    # They were collected before the transaction had succeeded, and were lost with it.
    await repository.add(a_job())
    refused = a_job()

    with pytest.raises(Conflict):
        await repository.add(refused)

    assert [event.kind for event in refused.collect_events()] == [EventKind.QUEUED]


async def test_a_job_that_was_kept_has_no_events_left(repository: JobRepository) -> None:
    job = a_job()

    await repository.add(job)

    assert job.collect_events() == ()


async def test_an_update_is_kept_and_returned(repository: JobRepository) -> None:
    await repository.add(a_job())

    returned = await repository.update("gen_1", lambda job: job.claim(at=NOON))

    assert returned.status is JobStatus.RUNNING
    assert await repository.get("gen_1") == returned


async def test_changing_what_was_returned_changes_nothing_kept(
    repository: JobRepository,
) -> None:
    job = a_job()
    await repository.add(job)

    job.claim(at=NOON)
    (await repository.get("gen_1")).claim(at=NOON)
    returned = await repository.update("gen_1", leave_alone)
    returned.claim(at=NOON)

    assert (await repository.get("gen_1")).status is JobStatus.QUEUED


async def test_an_update_that_raises_changes_nothing(
    repository: JobRepository, event_log: EventLog
) -> None:
    await repository.add(a_job())

    def claim_and_fail(job: Job) -> None:
        job.claim(at=NOON)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await repository.update("gen_1", claim_and_fail)

    assert await repository.get("gen_1") == a_job()
    assert await event_log.latest() == 1


async def test_an_attempt_that_was_overtaken_changes_nothing(
    repository: JobRepository, event_log: EventLog
) -> None:
    job = a_job()
    job.claim(at=NOON)
    job.end_attempt(RenderSuspended(), fence=1, at=NOON)
    job.claim(at=NOON)
    await repository.add(job)
    before = await event_log.latest()

    def report_after_a_change(job: Job) -> None:
        job.enter_stage(Stage.DENOISING, fence=2, at=NOON)
        job.finish_step(1, fence=1, at=NOON)

    with pytest.raises(StaleFence):
        await repository.update("gen_1", report_after_a_change)

    assert await repository.get("gen_1") == job
    assert await event_log.latest() == before


async def test_an_update_that_alters_nothing_is_allowed_even_to_a_finished_job(
    repository: JobRepository, event_log: EventLog
) -> None:
    await repository.add(a_job_that_is(JobStatus.CANCELLED))
    before = await event_log.latest()

    await repository.update("gen_1", lambda job: job.request_cancel(at=NOON))

    assert await event_log.latest() == before


async def test_a_finished_job_never_changes(repository: JobRepository) -> None:
    await repository.add(a_job_that_is(JobStatus.COMPLETED))

    def revive(job: Job) -> None:
        job.status, job.finished_at = JobStatus.QUEUED, None

    with pytest.raises(Conflict):
        await repository.update("gen_1", revive)

    assert (await repository.get("gen_1")).status is JobStatus.COMPLETED


async def test_changes_to_one_job_happen_one_after_another(repository: JobRepository) -> None:
    await repository.add(a_job())

    def raise_priority(job: Job) -> None:
        job.priority += 1

    await asyncio.gather(*(repository.update("gen_1", raise_priority) for _ in range(50)))

    assert (await repository.get("gen_1")).priority == 50


async def test_a_cancelled_caller_leaves_a_whole_write_or_none(
    repository: JobRepository, event_log: EventLog
) -> None:
    await repository.add(a_job())
    await repository.update("gen_1", lambda job: job.claim(at=NOON))

    def enter(job: Job) -> None:
        job.enter_stage(Stage.DENOISING, fence=1, at=NOON)

    for turns in range(12):  # of the event loop, so that the cancellation falls everywhere
        caller = asyncio.create_task(repository.update("gen_1", enter))
        for _ in range(turns):
            await asyncio.sleep(0)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)

    last = await repository.update("gen_1", lambda job: job.finish_step(1, fence=1, at=NOON))
    events = await event_log.read(after=0)
    assert await repository.get("gen_1") == last
    assert events[-1].event.step == 1
    assert [logged.number for logged in events] == list(range(1, len(events) + 1))


async def test_jobs_are_listed_newest_first(repository: JobRepository) -> None:
    for number in range(3):
        await repository.add(a_job(f"gen_{number}", priority=number))

    assert [job.id for job in await repository.list()] == ["gen_2", "gen_1", "gen_0"]


async def test_a_list_goes_on_before_the_last_one_seen(repository: JobRepository) -> None:
    for number in range(5):
        await repository.add(a_job(f"gen_{number}"))

    first = await repository.list(limit=2)
    second = await repository.list(limit=2, before=first[-1].id)

    assert [job.id for job in first + second] == ["gen_4", "gen_3", "gen_2", "gen_1"]


async def test_before_a_job_that_is_not_there_comes_nothing(repository: JobRepository) -> None:
    await repository.add(a_job())

    assert await repository.list(before="gen_nobody") == []


async def test_where_a_job_comes_from_is_kept(repository: JobRepository) -> None:
    job = a_job(made_from="gen_before", made_as=Derivation.EXTENSION)

    await repository.add(job)

    kept = await repository.get(job.id)
    assert (kept.made_from, kept.made_as) == ("gen_before", Derivation.EXTENSION)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ((), ["queued", "running", "publishing", "completed", "failed", "cancelled"]),
        ((JobStatus.QUEUED,), ["queued"]),
        ((JobStatus.PUBLISHING, JobStatus.RUNNING), ["running", "publishing"]),
    ],
)
async def test_a_list_holds_only_the_statuses_asked_for(
    repository: JobRepository, wanted: tuple[JobStatus, ...], found: list[str]
) -> None:
    for slot, status in enumerate(reversed(JobStatus)):
        await repository.add(a_job_that_is(status, job_id=f"gen_{status}", slot=slot))

    assert [job.status for job in await repository.list(statuses=wanted)] == found


def leave_alone(job: Job) -> None:
    """A change that alters nothing."""
