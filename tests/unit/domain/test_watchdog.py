"""When a run is taken for hung."""

from dataclasses import replace

import pytest

from domain.errors import DeadlineExceeded, NoProgress
from domain.progress import Stage
from domain.rendering import (
    RenderReport,
    Resumed,
    ResumePointSaved,
    StageEntered,
    StepFinished,
    StillRunning,
)
from domain.watchdog import Budgets, Watchdog

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


@pytest.mark.parametrize("report", [StillRunning(), ResumePointSaved(step=1), Resumed(step=1)])
def test_a_sign_of_life_is_no_progress(report: RenderReport) -> None:
    watchdog = a_watchdog_in(Stage.DENOISING)

    watchdog.note(report, now=29.0)

    assert watchdog.remaining_s(now=29.0) == 1


def test_slow_steps_are_given_ten_times_their_median() -> None:
    watchdog = a_watchdog_in(Stage.DENOISING)
    now = 0.0
    for seconds in (5.0, 7.0, 29.0):
        now += seconds
        watchdog.note(StepFinished(step=1), now=now)

    assert watchdog.budget_s == 70


def test_quick_steps_do_not_make_it_impatient() -> None:
    watchdog = a_watchdog_in(Stage.DENOISING)
    for step in range(1, 11):
        watchdog.note(StepFinished(step=step), now=step / 100)

    assert watchdog.budget_s == 30


def test_steps_of_long_ago_do_not_count() -> None:
    watchdog = a_watchdog_in(Stage.DENOISING)
    now = 0.0
    for seconds in [20.0] * 30 + [4.0] * 25:
        now += seconds
        watchdog.note(StepFinished(step=1), now=now)

    assert watchdog.budget_s == 40


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
