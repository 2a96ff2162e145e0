"""What may be left out of a run, and what of that cannot be meant."""

import math
from dataclasses import replace
from typing import Any

import pytest

from domain.checkpoint import checkpoint_spec
from domain.errors import InvalidRequest, Violation
from domain.generation import GenerationRequest
from domain.hardware import Capacity
from domain.lora import LoraUse
from domain.memory_plan import plan_memory
from domain.run_record import run_kind
from domain.shortcuts import check_shortcuts, guided_steps, is_guided, may_be_cached, wears_loras
from tests.fakes.examples import a_draft, a_request

MINI = checkpoint_spec("mini")


def refused(**changes: Any) -> list[Violation]:
    with pytest.raises(InvalidRequest) as refusal:
        a_draft(**changes).complete(MINI, drawn_seed=0)
    return list(refusal.value.violations)


def steps_where(holds: Any, request: GenerationRequest) -> list[int]:
    return [step for step in range(1, request.denoising_steps + 1) if holds(request, step)]


@pytest.mark.parametrize(
    ("until", "guided"), [(None, 8), (0.5, 4), (0.51, 5), (0.0, 0), (0.99, 8), (1 / 8, 1)]
)
def test_guidance_ends_after_its_share_of_the_steps(until: float | None, guided: int) -> None:
    request = a_request(steps=8, guidance_until=until)

    assert guided_steps(request) == guided
    assert steps_where(is_guided, request) == list(range(1, guided + 1))


def test_without_guidance_no_step_has_a_second_forward() -> None:
    request = a_request(steps=8, guidance_high_noise=1.0, guidance_low_noise=1.0)

    assert guided_steps(request) == 0


def test_a_share_means_the_same_noise_where_the_first_steps_are_not_made() -> None:
    request = a_request(steps=10, guidance_until=0.5, video="v", strength=0.8)

    assert request.denoising_steps == 8
    assert steps_where(is_guided, request) == [1, 2, 3]


def test_loras_are_put_on_after_their_share() -> None:
    assert steps_where(wears_loras, a_request(steps=8, loras_from=1 / 8)) == list(range(2, 9))
    assert steps_where(wears_loras, a_request(steps=3)) == [1, 2, 3]


def test_neither_the_first_steps_nor_the_last_are_taken_from_the_cache() -> None:
    assert steps_where(may_be_cached, a_request(steps=10, step_cache=0.1)) == list(range(3, 10))
    assert steps_where(may_be_cached, a_request(steps=10)) == []


@pytest.mark.parametrize("field", ["guidance_until", "loras_from"])
@pytest.mark.parametrize(
    ("share", "nearest"), [(1.5, 1.0), (-0.1, 0.0), (math.nan, 0.0), (math.inf, 1.0)]
)
def test_what_is_no_share_is_refused(field: str, share: float, nearest: float) -> None:
    first = refused(**{field: share})[0]

    assert (first.pointer, first.nearest) == (f"/{field}", (nearest,))


@pytest.mark.parametrize(("threshold", "nearest"), [(1.01, 1.0), (-0.1, 0.0), (math.nan, 0.0)])
def test_a_threshold_has_bounds(threshold: float, nearest: float) -> None:
    [violation] = refused(step_cache=threshold)

    assert (violation.pointer, violation.nearest) == ("/step_cache", (nearest,))


def test_a_step_cache_needs_steps_to_leave_out() -> None:
    [few] = refused(step_cache=0.2, steps=3)
    [distilled] = refused(step_cache=0.2, scheduler="distilled")

    assert "it takes 4" in few.reason
    assert "step-distilled" in distilled.reason
    assert not check_shortcuts(a_request(steps=4, step_cache=0.2))


def test_loras_that_are_not_there_cannot_be_put_on_later() -> None:
    [violation] = refused(loras_from=0.5)

    worn = LoraUse(name="a", strength_high_noise=1, strength_low_noise=1, sha256=())
    assert violation.pointer == "/loras_from"
    assert not check_shortcuts(a_request(loras=(worn,), loras_from=0.5))


def test_what_leaves_nothing_out_is_the_exact_request() -> None:
    exact = a_draft(seed=1).complete(MINI, drawn_seed=0)

    said = a_draft(seed=1, guidance_until=1.0, step_cache=0.0, loras_from=0.0)

    assert said.complete(MINI, drawn_seed=0) == exact


def test_a_plan_counts_the_forwards_that_are_left_and_says_what_is_left_out() -> None:
    request = replace(a_draft().complete(MINI, drawn_seed=0), guidance_until=0.5, step_cache=0.2)

    plan = plan_memory(
        request, MINI, None, Capacity(accelerator_bytes=None, host_bytes=2**34), history=()
    )

    assert plan.forwards == 12 + 6
    assert any("6 of 12 steps have a second forward" in reason for reason in plan.reasons)
    assert any("step cache" in reason for reason in plan.reasons)


def test_runs_with_a_step_cache_teach_nothing_of_runs_without() -> None:
    assert len({run_kind(a_request(step_cache=cache)) for cache in (None, 0.1, 0.2)}) == 3
