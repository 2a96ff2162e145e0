"""What runs together say of the next one."""

from domain.placement import ALL_ON_CPU, ALL_RESIDENT, Placement
from domain.progress import Stage
from domain.run_record import REMEMBERED, Measured, PastRun, RunRecord, summarize


def a_run(
    kind: str = "mini",
    *,
    placement: Placement = ALL_RESIDENT,
    denoising: float = 8.0,
    forwards: int = 8,
    joules: float | None = 100.0,
) -> RunRecord:
    measured = Measured(
        seconds={Stage.DENOISING: denoising}, accelerator_bytes=5, host_bytes=None, joules=joules
    )
    run = PastRun(placement=placement, tokens=320, forwards=forwards, measured=measured)
    return RunRecord(job_id="gen", kind=kind, run=run)


def test_nothing_says_nothing() -> None:
    assert summarize([]) == []


def test_each_kind_and_placement_is_told_once_the_newest_first() -> None:
    records = [a_run("b"), a_run("a"), a_run("b"), a_run("a", placement=ALL_ON_CPU)]

    told = [(summary.kind, summary.placement, summary.runs) for summary in summarize(records)]

    assert told == [("b", ALL_RESIDENT, 2), ("a", ALL_RESIDENT, 1), ("a", ALL_ON_CPU, 1)]


def test_it_is_the_median_at_as_many_forwards_as_the_last() -> None:
    records = [a_run(forwards=4, denoising=4.0), a_run(denoising=16.0), a_run(denoising=8.0)]

    [summary] = summarize(records)

    assert (summary.tokens, summary.forwards) == (320, 4)
    assert summary.seconds == {Stage.DENOISING: 4.0}
    assert (summary.accelerator_bytes, summary.host_bytes) == (5, None)


def test_energy_is_the_median_of_those_that_told() -> None:
    [summary] = summarize([a_run(joules=None), a_run(joules=90), a_run(joules=110)])
    [silent] = summarize([a_run(joules=None)])

    assert (summary.joules, silent.joules) == (100, None)


def test_it_looks_back_as_far_as_an_estimate_does() -> None:
    [summary] = summarize([*[a_run() for _ in range(REMEMBERED)], a_run(joules=1e9)])

    assert (summary.runs, summary.joules) == (REMEMBERED, 100.0)
