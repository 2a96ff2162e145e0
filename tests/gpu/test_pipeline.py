"""What only a GPU can show: equal bits after a resume and wherever parts lie, memory as planned, and none left."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.on_gpu.bench import Bench
from benchmarks.on_gpu.watch import watch
from domain.demand import CONTEXT_BYTES
from domain.errors import OutOfAcceleratorMemory
from domain.placement import ALL_RESIDENT, Place, Placement
from domain.structure import Precision
from tests.fakes.resume_points import FakeResumePoints
from tests.gpu.conftest import CASE

VISITING = replace(
    ALL_RESIDENT, experts=Place.VISITING, text_encoder=Place.VISITING, vae=Place.VISITING
)
STREAMED = replace(VISITING, experts=Place.STREAMED)
PINNED = replace(STREAMED, is_pinned=True)
FP8 = replace(ALL_RESIDENT, precision=Precision.FP8)


@pytest.mark.parametrize("placement", [ALL_RESIDENT, FP8])
def test_a_resumed_run_makes_the_same_bits(bench: Bench, placement: Placement) -> None:
    run = bench.run(bench.request(CASE, steps=4, guidance=4.0), placement)
    points = FakeResumePoints(due=(2,))

    with bench.pipeline() as pipeline:
        unbroken = watch(pipeline, run, resume=points)
        saved = FakeResumePoints(points.points[2])
        resumed = watch(pipeline, run, resume=saved)

    assert saved.accepted == 2
    assert len(resumed.steps) == 2
    assert resumed.sha256 == unbroken.sha256


@pytest.mark.parametrize("placement", [VISITING, STREAMED, PINNED])
def test_the_video_is_the_same_wherever_the_parts_lie(bench: Bench, placement: Placement) -> None:
    request = bench.request(CASE, steps=2, guidance=4.0)

    with bench.pipeline() as pipeline:
        resident = watch(pipeline, bench.run(request, ALL_RESIDENT))
    with bench.pipeline() as pipeline:
        moved = watch(pipeline, bench.run(request, placement))

    assert moved.sha256 == resident.sha256


def test_fp8_makes_the_same_bits_wherever_the_experts_lie(bench: Bench) -> None:
    request = bench.request(CASE, steps=2, guidance=4.0)
    made = []
    for placement in (FP8, replace(STREAMED, precision=Precision.FP8), ALL_RESIDENT):
        with bench.pipeline() as pipeline:
            made.append(watch(pipeline, bench.run(request, placement)).sha256)

    resident, streamed, in_bf16 = made
    assert resident == streamed != in_bf16


@pytest.mark.parametrize("placement", [ALL_RESIDENT, VISITING, FP8])
def test_the_peak_is_what_was_planned(bench: Bench, placement: Placement) -> None:
    request = bench.request(CASE, steps=2, guidance=4.0)

    with bench.pipeline() as pipeline:
        measured = watch(pipeline, bench.run(request, placement)).allocated

    planned = bench.demand(request, placement).accelerator_bytes
    assert planned == pytest.approx(measured, rel=0.05)


def test_pinned_memory_is_as_planned_and_given_back_at_a_switch(bench: Bench) -> None:
    request = bench.request(CASE, steps=2, guidance=4.0)
    pinned, visiting = (bench.run(request, placement) for placement in (PINNED, VISITING))
    planned = bench.demand(request, PINNED).host_bytes - bench.demand(request, VISITING).host_bytes

    with bench.pipeline() as pipeline:
        for run in (pinned, visiting):  # libraries and heap then have what they keep
            watch(pipeline, run)
        before = own_host_bytes()
        watch(pipeline, pinned)
        streaming = own_host_bytes()
        watch(pipeline, visiting)
        after = own_host_bytes()

    assert streaming - before == pytest.approx(planned, rel=0.25)
    assert after - before < planned / 4


def test_torch_keeps_no_pinned_memory_of_a_pipeline_that_is_closed(bench: Bench) -> None:
    with bench.pipeline() as pipeline:
        watch(pipeline, bench.run(bench.request(CASE, steps=2, guidance=1.0), STREAMED))
        staged = torch.cuda.host_memory_stats().get("allocated_bytes.current", 0)

    assert staged > 0
    assert torch.cuda.host_memory_stats().get("allocated_bytes.current", 0) < staged / 4


def own_host_bytes() -> int:
    """Of this process: not of files, and not of the driver's."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


def test_memory_that_runs_out_is_told_and_the_pipeline_goes_on_without_it(bench: Bench) -> None:
    request = bench.request(CASE, steps=2, guidance=4.0)
    run = bench.run(request, ALL_RESIDENT)
    half = bench.demand(request, ALL_RESIDENT).accelerator_bytes // 2

    with bench.pipeline() as pipeline:
        with bench.capped(half + CONTEXT_BYTES), pytest.raises(OutOfAcceleratorMemory):
            watch(pipeline, run)
        whole = watch(pipeline, run)

    assert len(whole.steps) == 2


def test_a_closed_pipeline_holds_nothing(bench: Bench) -> None:
    before = torch.cuda.memory_allocated()

    with bench.pipeline() as pipeline:
        run = bench.run(bench.request(CASE, steps=2, guidance=1.0), ALL_RESIDENT)
        watch(pipeline, run)

    assert torch.cuda.memory_allocated() - before < 2**20
