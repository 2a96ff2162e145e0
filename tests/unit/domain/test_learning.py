"""What a plan learns from the runs before it, and what these cannot teach it."""

import pytest

from application.estimate_generation import Imagined
from domain.checkpoint import checkpoint_spec
from domain.demand import GIB
from domain.hardware import Capacity
from domain.memory_plan import MemoryPlan, plan_memory
from domain.placement import Placement
from domain.progress import Stage
from domain.run_record import Measured, PastRun

SPEC = checkpoint_spec("t2v-A14B")
RUNS = 13


def plan(capacity: Capacity, history: list[PastRun]) -> MemoryPlan:
    request = Imagined(width=832, height=480).request(SPEC)
    return plan_memory(request, SPEC, None, capacity, history)


def after_runs(capacity: Capacity, resident_bytes: int) -> list[Placement | None]:
    """The placements of one run after the other, each of which had so much of the host's memory resident."""
    history: list[PastRun] = []
    chosen = []
    for _ in range(RUNS):
        planned = plan(capacity, history)
        assert planned.placement
        chosen.append(planned.placement)
        measured = Measured(
            seconds={Stage.DENOISING: 80.0},
            accelerator_bytes=planned.accelerator_bytes,
            host_bytes=resident_bytes,
        )
        run = PastRun(placement=planned.placement, tokens=1, forwards=80, measured=measured)
        history.insert(0, run)
    return chosen


@pytest.mark.parametrize("host", [40, 48])
def test_pages_of_files_that_are_mapped_and_were_read_change_no_choice(host: int) -> None:
    # They were taken for the process's own, which host memory is planned for: a machine that filled its page
    # cache, as any does, came to a text encoder on the CPU, then to tiles, and after nine runs to int8.
    capacity = Capacity(accelerator_bytes=24 * GIB, host_bytes=host * GIB)

    chosen = after_runs(capacity, resident_bytes=(host - 3) * GIB)

    assert set(chosen) == {plan(capacity, []).placement}


def test_without_an_accelerator_what_was_resident_is_what_the_next_run_takes() -> None:
    capacity = Capacity(accelerator_bytes=None, host_bytes=256 * GIB)
    first = plan(capacity, [])
    assert first.placement
    measured = Measured(seconds={}, accelerator_bytes=None, host_bytes=100 * GIB)
    run = PastRun(placement=first.placement, tokens=1, forwards=80, measured=measured)

    second = plan(capacity, [run])

    assert first.host_bytes != 100 * GIB
    assert second.host_bytes == second.host_needed_bytes == 100 * GIB
