"""How busy the processors are, between one reading and the next."""

import threading
import time
from typing import Final

import psutil

#: Seconds that two readings must lie apart to say something: the kernel counts in hundredths.
_SHORTEST_S: Final = 0.1


class CpuLoad:
    """Of the whole machine, whoever asks and from whichever thread.

    `psutil.cpu_percent` remembers by thread what it read last, and tells each new one 0.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_at, self._busy_s, self._total_s = _read()
        self._percent: float | None = None

    def percent(self) -> float:
        """Since the reading before, 0 to 100; asked again within a moment, the same figure.

        The very first waits until there is something to tell, at most that moment.
        """
        with self._lock:
            if self._percent is not None and time.monotonic() - self._read_at < _SHORTEST_S:
                return self._percent
            time.sleep(max(0.0, self._read_at + _SHORTEST_S - time.monotonic()))
            before_s, total_before_s = self._busy_s, self._total_s
            self._read_at, self._busy_s, self._total_s = _read()
            passed_s = max(self._total_s - total_before_s, 1e-9)
            share = (self._busy_s - before_s) / passed_s
            self._percent = round(100 * min(max(share, 0.0), 1.0), 1)
            return self._percent


def _read() -> tuple[float, float, float]:
    """When, and how many seconds the processors together were busy, and were there."""
    told = psutil.cpu_times()
    # Linux counts what guests take within `user` and `nice`, too.
    total_s = sum(told) - getattr(told, "guest", 0.0) - getattr(told, "guest_nice", 0.0)
    return time.monotonic(), total_s - told.idle - getattr(told, "iowait", 0.0), total_s
