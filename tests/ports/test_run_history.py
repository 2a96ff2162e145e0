"""The contract of `RunHistory`, on every adapter."""

from dataclasses import replace

from domain.job import Job
from domain.placement import ALL_ON_CPU, ALL_RESIDENT, Placement
from domain.ports.job_repository import JobRepository
from domain.ports.run_history import RunHistory
from domain.progress import Stage
from domain.run_record import Measured, PastRun, RunRecord, run_kind
from tests.fakes.examples import NOON, a_job, a_plan, a_request

KIND = run_kind(a_request())
TOKENS = a_plan().tokens


def measured(seconds: float) -> Measured:
    return Measured(
        seconds={Stage.LOADING: 0.5, Stage.DENOISING: seconds},
        accelerator_bytes=None,
        host_bytes=1000,
        joules=250.5,
    )


async def run(
    repository: JobRepository,
    job_id: str,
    *,
    seconds: float | None,
    placement: Placement | None = ALL_RESIDENT,
    **changes: int,
) -> None:
    """A job whose attempt took so long; None where it was not measured."""
    job = a_job(job_id, request=a_request(**changes))
    job.plan = replace(job.plan, placement=placement)
    await repository.add(job)

    def attempt(job: Job) -> None:
        job.claim(at=NOON, slot=int(job_id[-1]))
        if seconds is not None:
            job.measure(measured(seconds), fence=1, at=NOON)

    await repository.update(job_id, attempt)


async def test_runs_of_a_kind_are_told_newest_first(
    repository: JobRepository, history: RunHistory
) -> None:
    await run(repository, "gen_1", seconds=1.0)
    await run(repository, "gen_2", seconds=2.0, placement=ALL_ON_CPU)

    assert await history.of_kind(KIND) == [
        PastRun(placement=ALL_ON_CPU, tokens=TOKENS, forwards=8, measured=measured(2.0)),
        PastRun(placement=ALL_RESIDENT, tokens=TOKENS, forwards=8, measured=measured(1.0)),
    ]


async def test_no_more_are_told_than_are_wanted(
    repository: JobRepository, history: RunHistory
) -> None:
    await run(repository, "gen_1", seconds=1.0)
    await run(repository, "gen_2", seconds=2.0)

    [newest] = await history.of_kind(KIND, limit=1)

    assert newest.measured == measured(2.0)


async def test_what_is_of_another_kind_or_was_not_measured_or_planned_is_not_told(
    repository: JobRepository, history: RunHistory
) -> None:
    await run(repository, "gen_1", seconds=1.0, num_frames=9)
    await run(repository, "gen_2", seconds=None)
    await run(repository, "gen_3", seconds=1.0, placement=None)

    assert await history.of_kind(KIND) == []


async def test_a_kind_nobody_ran_has_no_runs(history: RunHistory) -> None:
    assert await history.of_kind("nothing like it") == []


async def test_what_was_measured_comes_back_with_the_job(repository: JobRepository) -> None:
    await run(repository, "gen_1", seconds=1.0)

    assert (await repository.get("gen_1")).measured == measured(1.0)


async def test_the_last_runs_of_any_kind_are_told_with_whose_they_are(
    repository: JobRepository, history: RunHistory
) -> None:
    await run(repository, "gen_1", seconds=1.0, num_frames=9)
    await run(repository, "gen_2", seconds=None)
    await run(repository, "gen_3", seconds=1.0, placement=None)
    await run(repository, "gen_4", seconds=4.0)

    other_kind = run_kind(a_request(num_frames=9))
    both = [("gen_4", KIND, measured(4.0)), ("gen_1", other_kind, measured(1.0))]
    for limit in (2, 1):
        told: list[RunRecord] = [*await history.latest(limit=limit)]
        assert [(r.job_id, r.kind, r.run.measured) for r in told] == both[:limit]
