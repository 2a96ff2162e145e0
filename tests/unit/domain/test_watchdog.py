"""When a run is taken for hung."""

from dataclasses import replace

import pytest

from domain.errors import DeadlineExceeded, NoProgress
from domain.progress import Stage
from domain.rendering import (
    Noticed,
    RenderReport,
    Resumed,
    ResumePointSaved,
    StageEntered,
    StepFinished,
    StillRunning,
)
from domain.watchdog import Budgets, Moments, Watchdog

BUDGETS = Budgets(
    loading_s=100, encoding_prompt_s=20, step_s=30, decoding_s=40, encoding_video_s=50
)


def a_watchdog_in(stage: Stage, *, now: float = 0.0) -> Watchdog:
    watchdog = Watchdog(BUDGETS, now=0.0)
    if stage is not Stage.LOADING:
        watchdog.note(StageEntered(stage=stage), now=now)
    return watchdog


@pytest.mark.parametrize(
    ("stage", "budget_s"),
    [
        (Stage.LOADING, 100),
        (Stage.ENCODING_PROMPT, 20),
        (Stage.DENOISING, 30),
        (Stage.DECODING, 40),
        (Stage.ENCODING_VIDEO, 50),
    ],
)
def test_every_stage_has_its_own_time(stage: Stage, budget_s: float) -> None:
    watchdog = a_watchdog_in(stage)

    assert watchdog.remaining_s(now=0.0) == budget_s
    assert watchdog.remaining_s(now=budget_s - 1) == 1


def test_time_that_is_up_is_up_and_not_less() -> None:
    assert a_watchdog_in(Stage.DECODING).remaining_s(now=1000.0) == 0


def test_a_finished_step_begins_the_time_of_the_next() -> None:
    watchdog = a_watchdog_in(Stage.DENOISING)

    watchdog.note(StepFinished(step=1), now=2.0)

    assert watchdog.remaining_s(now=2.0) == 30


@pytest.mark.parametrize(
    "report", [ResumePointSaved(step=1), Resumed(step=1), Noticed(text="LoRA turn: 4 tensors.")]
)
def test_what_makes_nothing_is_no_progress(report: RenderReport) -> None:
    watchdog = a_watchdog_in(Stage.DENOISING)

    watchdog.note(report, now=29.0)

    assert watchdog.remaining_s(now=29.0) == 1


def test_a_step_of_many_minutes_whose_blocks_come_is_let_be() -> None:
    # A step of the largest model on a small card, and of the smallest on a CPU, takes longer than any budget of
    # steps: the watchdog killed what the plan had accepted, twice, and the job was quarantined.
    watchdog = Watchdog(Budgets(), now=0.0)
    watchdog.note(StageEntered(stage=Stage.DENOISING), now=0.0)

    for second in range(1, 601):
        assert watchdog.remaining_s(now=float(second)) > 0
        watchdog.note(StillRunning(), now=float(second))
    watchdog.note(StepFinished(step=1), now=600.0)

    assert watchdog.remaining_s(now=600.0) == Budgets().step_s


def test_a_step_that_hangs_is_found_out_within_one_budget_of_its_last_block() -> None:
    watchdog = a_watchdog_in(Stage.DENOISING)
    watchdog.note(StepFinished(step=1), now=600.0)

    watchdog.note(StillRunning(), now=700.0)

    assert watchdog.remaining_s(now=729.0) == 1
    assert watchdog.remaining_s(now=730.0) == 0
    assert isinstance(watchdog.verdict, NoProgress)


def test_however_slow_the_steps_before_were_a_hang_is_found_out_as_soon() -> None:
    watchdog = a_watchdog_in(Stage.DENOISING)
    for step in range(1, 4):
        watchdog.note(StepFinished(step=step), now=600.0 * step)

    assert watchdog.budget_s == 30


def test_moments_that_come_in_a_flood_are_told_once_in_a_while() -> None:
    moments = Moments(now=0.0)

    told = [
        ms for ms in range(0, 5000, 50) if moments.is_worth_telling(StillRunning(), now=ms / 1000)
    ]

    assert told == [1000, 2000, 3000, 4000]


def test_what_is_not_a_moment_is_always_told_and_a_moment_after_it_is_not() -> None:
    moments = Moments(now=0.0)

    assert moments.is_worth_telling(StepFinished(step=1), now=0.9)
    assert not moments.is_worth_telling(StillRunning(), now=1.8)
    assert moments.is_worth_telling(StepFinished(step=2), now=1.8)
    assert moments.is_worth_telling(StepFinished(step=3), now=1.8)


@pytest.mark.parametrize(
    ("stage", "words"), [(Stage.DENOISING, "a denoising step"), (Stage.LOADING, "loading")]
)
def test_the_complaint_says_what_took_how_long(stage: Stage, words: str) -> None:
    watchdog = a_watchdog_in(stage)

    assert words in watchdog.complaint
    assert f"{watchdog.budget_s:g} s" in watchdog.complaint


def test_a_run_that_gets_on_is_ended_all_the_same_once_all_its_time_is_up() -> None:
    watchdog = Watchdog(replace(BUDGETS, run_s=120), now=0.0)
    watchdog.note(StageEntered(stage=Stage.DENOISING), now=60.0)
    assert isinstance(watchdog.verdict, NoProgress)

    watchdog.note(StepFinished(step=1), now=89.0)
    watchdog.note(StepFinished(step=2), now=115.0)

    assert watchdog.remaining_s(now=115.0) == 5
    assert isinstance(watchdog.verdict, DeadlineExceeded)
    assert "120 s" in watchdog.verdict.message


def test_a_video_of_many_segments_has_that_time_for_each() -> None:
    watchdog = Watchdog(replace(BUDGETS, run_s=120), now=0.0, segments=3)
    watchdog.note(StepFinished(step=1), now=355.0)

    assert watchdog.remaining_s(now=355.0) == 5
    assert "360 s" in watchdog.verdict.message
