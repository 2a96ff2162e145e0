"""The contract of `MemoryMeter`, on every adapter."""

import sys

import pytest

from adapters.hardware.memory_meter import ProcMemoryMeter
from domain.ports.memory_meter import MemoryMeter
from tests.fakes.memory_meter import FakeMemoryMeter

MIB = 2**20


@pytest.fixture(params=["proc", "fake"])
def meter(request: pytest.FixtureRequest) -> MemoryMeter:
    return FakeMemoryMeter() if request.param == "fake" else ProcMemoryMeter()


def test_there_is_a_peak_once_it_has_begun_where_the_system_tells(meter: MemoryMeter) -> None:
    before = meter.peak_bytes()

    meter.begin()

    assert before is None
    peak = meter.peak_bytes()
    assert peak is None or peak > 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_the_kernels_mark_sees_what_was_given_back_and_forgets_it() -> None:
    meter = ProcMemoryMeter()
    meter.begin()
    before = meter.peak_bytes()

    held = bytearray(64 * MIB)
    held[::4096] = b"x" * len(held[::4096])
    del held
    after = meter.peak_bytes()
    meter.begin()
    anew = meter.peak_bytes()

    assert before is not None
    assert after is not None
    assert anew is not None
    assert 60 * MIB <= after - before <= 80 * MIB
    assert anew < after - 50 * MIB
