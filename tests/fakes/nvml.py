"""NVIDIA's library with one GPU in it, which a test machine seldom has."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

GIB = 2**30


class Driver:
    """Put other answers, or `unsupported`, in the place of its calls.

    `users`: how many hold the driver; `broken` names calls that it does not support.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *broken: str) -> None:
        self.users = 0
        self._monkeypatch = monkeypatch
        answers: dict[str, Callable[..., Any]] = {
            "nvmlInit": lambda: self._use(1),
            "nvmlShutdown": lambda: self._use(-1),
            "nvmlDeviceGetCount": lambda: 1,
            "nvmlDeviceGetHandleByIndex": lambda index: index,
            "nvmlDeviceGetMemoryInfo": lambda _: SimpleNamespace(total=24 * GIB, used=GIB),
            "nvmlDeviceGetName": lambda _: "Card 24G",
            "nvmlDeviceGetUtilizationRates": lambda _: SimpleNamespace(gpu=42),
            "nvmlDeviceGetTemperature": lambda _handle, _sensor: 61,
            "nvmlDeviceGetPowerUsage": lambda _: 123_400,
            "nvmlDeviceGetTemperatureThreshold": lambda _handle, _which: 90,
            "nvmlDeviceGetMarginTemperature": lambda _: 31,
            "nvmlDeviceGetTotalEnergyConsumption": lambda _: 5_000_000,
            "nvmlDeviceGetCudaComputeCapability": lambda _: (8, 9),
            "nvmlDeviceGetUUID": lambda _: "GPU-8932f937-d72c",
        }
        for name, answer in answers.items():
            self.answer(name, unsupported if name in broken else answer)

    def answer(self, name: str, answer: Callable[..., Any]) -> None:
        """From now on."""
        self._monkeypatch.setattr(pynvml, name, answer)

    def _use(self, change: int) -> None:
        self.users += change


def unsupported(*_: Any) -> None:
    raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
