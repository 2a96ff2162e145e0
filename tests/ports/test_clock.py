"""What every Clock does."""

from datetime import timedelta

import pytest

from adapters.system.clock import SystemClock
from domain.ports.clock import Clock
from tests.fakes.clock import FakeClock


@pytest.fixture(params=[SystemClock, FakeClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


def test_the_wall_clock_is_in_utc_and_says_so(clock: Clock) -> None:
    assert clock.now().utcoffset() == timedelta(0)


def test_the_monotonic_clock_never_falls(clock: Clock) -> None:
    readings = [clock.monotonic() for _ in range(100)]

    assert readings == sorted(readings)


def test_the_fake_moves_both_of_its_times_when_told_and_only_then() -> None:
    clock = FakeClock()
    now, monotonic = clock.now(), clock.monotonic()

    clock.advance(90)

    assert clock.now() - now == timedelta(seconds=90)
    assert clock.monotonic() - monotonic == 90
    assert clock.now() == clock.now()
