"""When a run saves, what it tells, and what a failing disk means to it."""

import pytest

from application.resume_points import Interval, KeepResumePoints
from domain.errors import DiskFull, RenderSuspended
from domain.rendering import (
    RenderOrder,
    RenderProgress,
    Resumed,
    ResumePointSaved,
    ResumeRejected,
)
from domain.resume import ResumePoints
from tests.fakes.clock import FakeClock
from tests.fakes.examples import a_request
from tests.fakes.resume_store import FakeResumeStore

AN_ORDER = RenderOrder(job_id="gen_1", fence=1, request=a_request())


class Run:
    """One run's resume points, and what it told."""

    def __init__(self, interval: Interval = "auto", store: FakeResumeStore | None = None) -> None:
        self.clock = FakeClock()
        self.store = store or FakeResumeStore()
        self.told: list[RenderProgress] = []
        self.wants_out = False
        keeper = KeepResumePoints(self.store, self.clock, interval)
        self.points: ResumePoints = keeper.begin(AN_ORDER, self.told.append, lambda: self.wants_out)

    def due(self, *, steps: int, seconds_per_step: float, first: int = 0) -> list[int]:
        """The steps at which it saves."""
        self.points.load()
        if first:
            self.points.accept(first)
        saved = []
        for step in range(first + 1, steps + 1):
            self.clock.advance(seconds_per_step)
            if self.points.is_due(step, steps):
                self.points.save(step, b"state")
                saved.append(step)
        return saved


@pytest.mark.parametrize(
    ("steps", "seconds_per_step", "expected"),
    [
        (40, 1.0, [40]),  # a run of 40 s saves its end alone
        (40, 10.0, [6, 12, 18, 24, 30, 36, 40]),  # every 60 s
        (40, 60.0, [4, 8, 12, 16, 20, 24, 28, 32, 36, 40]),  # every 10 %
        (4, 600.0, [1, 2, 3, 4]),
    ],
)
def test_by_default_it_saves_every_minute_or_tenth_whichever_is_longer(
    steps: int, seconds_per_step: float, expected: list[int]
) -> None:
    assert Run().due(steps=steps, seconds_per_step=seconds_per_step) == expected


def test_a_run_that_goes_on_measures_its_own_steps_alone() -> None:
    assert Run().due(steps=40, seconds_per_step=10.0, first=20) == [26, 32, 38, 40]


@pytest.mark.parametrize(("interval", "expected"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (9, [5])])
def test_an_interval_in_steps_is_counted(interval: int, expected: list[int]) -> None:
    assert Run(interval).due(steps=5, seconds_per_step=0.0) == expected


def test_a_run_that_is_to_hand_its_job_back_saves_at_once() -> None:
    run = Run()
    run.points.load()
    assert not run.points.is_due(1, 40)

    run.wants_out = True

    assert run.points.is_due(2, 40)


def test_what_is_saved_is_kept_and_told() -> None:
    run = Run()

    run.points.save(3, b"state")

    assert run.store.read("gen_1") == b"state"
    assert run.told == [ResumePointSaved(step=3)]


def test_the_next_run_loads_it_and_tells_where_it_goes_on() -> None:
    store = FakeResumeStore()
    store.keep("gen_1", 1, b"state")
    run = Run(store=store)

    assert run.points.load() == b"state"
    run.points.accept(3)

    assert run.told == [Resumed(step=3)]


def test_a_damaged_point_is_told_and_there_is_none() -> None:
    store = FakeResumeStore()
    store.keep("gen_1", 1, b"state")
    store.damage("gen_1")
    run = Run(store=store)

    assert run.points.load() is None
    assert run.told == [
        ResumeRejected(reason="What an earlier attempt saved is not as it was saved.")
    ]


def test_a_full_disk_does_not_end_the_run(caplog: pytest.LogCaptureFixture) -> None:
    run = Run()
    run.store.refusal = DiskFull()

    run.points.save(3, b"state")

    assert run.told == []
    assert "not saved" in caplog.text


def test_a_full_disk_is_not_tried_again_at_every_step() -> None:
    run = Run()
    run.store.refusal = DiskFull()

    assert run.due(steps=40, seconds_per_step=10.0) == [6, 12, 18, 24, 30, 36, 40]


def test_a_full_disk_does_not_keep_a_run_that_is_to_go() -> None:
    run = Run()
    run.store.refusal = DiskFull()
    run.wants_out = True

    with pytest.raises(RenderSuspended):
        run.points.save(3, b"state")
