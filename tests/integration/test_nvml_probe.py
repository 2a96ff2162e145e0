"""What NVIDIA's driver answers, and what it does not."""

from pathlib import Path

import pytest

from adapters.hardware.probe import NvmlHardwareProbe
from tests.fakes.nvml import GIB, Driver


def test_a_card_is_told_in_bytes_percent_degrees_and_watts(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver(monkeypatch)

    hardware = NvmlHardwareProbe(Path()).read()

    (card,) = hardware.accelerators
    assert (card.index, card.name) == (0, "Card 24G")
    assert (card.total_bytes, card.used_bytes) == (24 * GIB, GIB)
    assert (card.load_percent, card.temperature_c, card.power_w) == (42, 61, 123.4)
    assert (card.slowdown_c, card.uuid) == (90, "GPU-8932f937-d72c")
    assert card.compute_capability == (8, 9)
    assert hardware.note is None
    assert driver.users == 0, "the driver was let go"


@pytest.mark.parametrize(
    ("broken", "absent"),
    [
        ("nvmlDeviceGetUtilizationRates", "load_percent"),
        ("nvmlDeviceGetTemperature", "temperature_c"),
        ("nvmlDeviceGetPowerUsage", "power_w"),
        ("nvmlDeviceGetUUID", "uuid"),
        ("nvmlDeviceGetCudaComputeCapability", "compute_capability"),
    ],
)
def test_a_reading_the_driver_does_not_give_is_none_and_not_zero(
    monkeypatch: pytest.MonkeyPatch, broken: str, absent: str
) -> None:
    Driver(monkeypatch, broken)

    (card,) = NvmlHardwareProbe(Path()).read().accelerators

    assert getattr(card, absent) is None
    assert card.total_bytes == 24 * GIB


@pytest.mark.parametrize("broken", ["nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetMemoryInfo"])
def test_a_driver_that_fails_is_a_note_and_no_error(
    monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    driver = Driver(monkeypatch, broken)

    hardware = NvmlHardwareProbe(Path()).read()

    assert hardware.accelerators == ()
    assert "Not Supported" in str(hardware.note)
    assert driver.users == 0


def test_a_card_that_tells_only_what_is_left_is_known_by_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Driver(monkeypatch, "nvmlDeviceGetTemperatureThreshold")

    (card,) = NvmlHardwareProbe(Path()).read().accelerators

    assert card.slowdown_c == 61 + 31


def test_a_card_that_tells_neither_has_no_such_temperature(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = ("nvmlDeviceGetTemperatureThreshold", "nvmlDeviceGetMarginTemperature")
    Driver(monkeypatch, *silent)

    (card,) = NvmlHardwareProbe(Path()).read().accelerators

    assert card.slowdown_c is None
