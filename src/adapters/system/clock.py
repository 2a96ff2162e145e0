"""The operating system's clocks."""

import time
from datetime import UTC, datetime

from domain.ports import clock


class SystemClock(clock.Clock):
    """Reads the real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
