"""The contract of `EnergyMeter`, on every adapter."""

import threading
import time

import pytest

from adapters.hardware.energy_meter import NvmlEnergyMeter
from domain.ports.energy_meter import EnergyMeter
from tests.fakes.energy_meter import FakeEnergyMeter
from tests.fakes.nvml import Driver, unsupported

CALLS = ["nvmlInit", "nvmlDeviceGetHandleByIndex", "nvmlDeviceGetTotalEnergyConsumption"]


@pytest.fixture(params=["nvml", "fake"])
def meter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> EnergyMeter:
    Driver(monkeypatch)
    return FakeEnergyMeter() if request.param == "fake" else NvmlEnergyMeter("0")


def test_a_measurement_that_has_begun_is_ended_once(meter: EnergyMeter) -> None:
    before = meter.end()
    meter.begin()
    meter.begin()

    told = meter.end()

    assert before is None
    assert told is not None
    assert told >= 0
    assert meter.end() is None


@pytest.mark.parametrize("accelerator", ["0", "GPU-8932"])
def test_joules_are_what_the_counter_counts_meanwhile(
    accelerator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, meter = Driver(monkeypatch), NvmlEnergyMeter(accelerator)
    meter.begin()
    driver.answer("nvmlDeviceGetTotalEnergyConsumption", lambda _: 5_012_500)

    told = meter.end()

    assert told == 12.5
    assert driver.users == 0, "the driver was let go"


def test_without_a_counter_power_is_added_up_over_time(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver(monkeypatch, "nvmlDeviceGetTotalEnergyConsumption")
    readings = _Readings(driver)
    meter = NvmlEnergyMeter("0", interval_s=0.005)

    before = time.monotonic()
    meter.begin()
    began = time.monotonic()
    readings.at_least(4)
    ending = time.monotonic()
    joules = meter.end()
    after = time.monotonic()

    assert joules is not None
    assert 100 * (ending - began) <= joules <= 100 * (after - before)
    assert driver.users == 0


def test_power_that_is_no_longer_told_makes_the_whole_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver = Driver(monkeypatch, "nvmlDeviceGetTotalEnergyConsumption")
    meter = NvmlEnergyMeter("0", interval_s=0.001)
    meter.begin()
    driver.answer("nvmlDeviceGetPowerUsage", unsupported)

    assert meter.end() is None
    assert driver.users == 0


@pytest.mark.parametrize("accelerator", ["", "1.5", "GPU-other", "MIG-7"])
def test_without_an_accelerator_nothing_is_told(
    accelerator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, meter = Driver(monkeypatch), NvmlEnergyMeter(accelerator)

    meter.begin()

    assert meter.end() is None
    assert driver.users == 0


@pytest.mark.parametrize("broken", CALLS)
def test_a_driver_that_fails_at_first_tells_nothing(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = Driver(monkeypatch, broken, "nvmlDeviceGetPowerUsage")
    meter = NvmlEnergyMeter("0")

    meter.begin()

    assert meter.end() is None
    assert driver.users == 0


def test_a_driver_that_fails_in_the_middle_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    driver, meter = Driver(monkeypatch), NvmlEnergyMeter("0")
    meter.begin()
    driver.answer("nvmlDeviceGetTotalEnergyConsumption", unsupported)

    assert meter.end() is None
    assert driver.users == 0


def test_a_driver_that_was_loaded_anew_counts_from_nothing_and_tells_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver, meter = Driver(monkeypatch), NvmlEnergyMeter("0")
    meter.begin()
    driver.answer("nvmlDeviceGetTotalEnergyConsumption", lambda _: 7)

    assert meter.end() is None


class _Readings:
    """Counts how often the power is read."""

    def __init__(self, driver: Driver) -> None:
        self._came = threading.Semaphore(0)
        driver.answer("nvmlDeviceGetPowerUsage", self._read)

    def at_least(self, count: int) -> None:
        for _ in range(count):
            assert self._came.acquire(timeout=10)

    def _read(self, _handle: object) -> int:
        self._came.release()
        return 100_000
