"""Joules of one NVIDIA GPU: by its own counter, or else by its power, asked again and again."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import pynvml

from domain.ports import energy_meter

#: Seconds between two readings of the power, where there is no counter (before the Volta generation).
_INTERVAL_S: Final = 0.5


class NvmlEnergyMeter(energy_meter.EnergyMeter):
    """Holds the driver between `begin` and `end` only."""

    def __init__(self, accelerator: str, *, interval_s: float = _INTERVAL_S) -> None:
        """`accelerator`: as `CUDA_VISIBLE_DEVICES` names it; empty where there is none."""
        self._accelerator = accelerator
        self._interval_s = interval_s
        self._finish: Callable[[], float | None] | None = None

    def begin(self) -> None:
        self.end()
        if not self._accelerator:
            return
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError:
            return
        try:
            self._finish = self._begin(_handle(self._accelerator))
        except pynvml.NVMLError:
            _let_go()

    def end(self) -> float | None:
        finish, self._finish = self._finish, None
        if finish is None:
            return None
        try:
            return finish()
        except pynvml.NVMLError:  # it fell off the bus, or its driver went
            return None
        finally:
            _let_go()

    def _begin(self, handle: object) -> Callable[[], float | None]:
        """Begin one way or the other. Returns what ends it."""
        try:
            before = _counted_j(handle)
        except pynvml.NVMLError:
            return _Integral(handle, self._interval_s).finish

        def finish() -> float | None:
            passed = _counted_j(handle) - before
            return (
                passed if passed >= 0 else None
            )  # the driver was loaded anew: it counts from there

        return finish


class _Integral:
    """The power over time, by trapezoids, read on a thread of its own."""

    def __init__(self, handle: object, interval_s: float) -> None:
        self._handle = handle
        self._interval_s = interval_s
        self._joules: float | None = 0.0
        self._last_w, self._last_at = _power_w(handle), time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="power", daemon=True)
        self._thread.start()

    def finish(self) -> float | None:
        self._over.set()
        self._thread.join()
        return self._joules

    def _follow(self) -> None:
        """Add what was taken since the last reading; the last one is taken at the end."""
        is_over = False
        while not is_over and self._joules is not None:
            is_over = self._over.wait(self._interval_s)
            try:
                power_w, at = _power_w(self._handle), time.monotonic()
            except pynvml.NVMLError:  # what was taken meanwhile is not known
                self._joules = None
                return
            self._joules += (self._last_w + power_w) / 2 * (at - self._last_at)
            self._last_w, self._last_at = power_w, at


def _handle(accelerator: str) -> object:
    if accelerator.isdecimal():
        return pynvml.nvmlDeviceGetHandleByIndex(int(accelerator))
    for index in range(pynvml.nvmlDeviceGetCount()):
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        if str(pynvml.nvmlDeviceGetUUID(handle)).startswith(accelerator):
            return handle
    raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)


def _counted_j(handle: object) -> float:
    """Since the driver was loaded; NVML tells millijoules."""
    return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000


def _power_w(handle: object) -> float:
    """NVML tells milliwatts."""
    return float(pynvml.nvmlDeviceGetPowerUsage(handle)) / 1000


def _let_go() -> None:
    with suppress(pynvml.NVMLError):
        pynvml.nvmlShutdown()
