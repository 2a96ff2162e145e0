"""What NVIDIA's driver answers, and what it does not."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from adapters.hardware.probe import NvmlHardwareProbe

GIB = 2**30


class Driver:
    """NVIDIA's library with one GPU in it, which a test machine seldom has.

    `broken` names calls that the driver does not support.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *broken: str) -> None:
        self.users = 0
        answers = {
            "nvmlInit": lambda: self._use(1),
            "nvmlShutdown": lambda: self._use(-1),
            "nvmlDeviceGetCount": lambda: 1,
            "nvmlDeviceGetHandleByIndex": lambda index: index,
            "nvmlDeviceGetMemoryInfo": lambda _: SimpleNamespace(total=24 * GIB, used=GIB),
            "nvmlDeviceGetName": lambda _: "Card 24G",
            "nvmlDeviceGetUtilizationRates": lambda _: SimpleNamespace(gpu=42),
            "nvmlDeviceGetTemperature": lambda _handle, _sensor: 61,
            "nvmlDeviceGetPowerUsage": lambda _: 123_400,
        }
        for name, answer in answers.items():
            monkeypatch.setattr(pynvml, name, _unsupported if name in broken else answer)

    def _use(self, change: int) -> None:
        self.users += change


def _unsupported(*_: Any) -> None:
    raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


def test_a_card_is_told_in_bytes_percent_degrees_and_watts(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver(monkeypatch)

    hardware = NvmlHardwareProbe(Path()).read()

    (card,) = hardware.accelerators
    assert (card.index, card.name) == (0, "Card 24G")
    assert (card.total_bytes, card.used_bytes) == (24 * GIB, GIB)
    assert (card.load_percent, card.temperature_c, card.power_w) == (42, 61, 123.4)
    assert hardware.note is None
    assert driver.users == 0, "the driver was let go"


@pytest.mark.parametrize(
    ("broken", "absent"),
    [
        ("nvmlDeviceGetUtilizationRates", "load_percent"),
        ("nvmlDeviceGetTemperature", "temperature_c"),
        ("nvmlDeviceGetPowerUsage", "power_w"),
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
