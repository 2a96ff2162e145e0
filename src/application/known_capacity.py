"""How much memory one video may use, on a machine whose memory its own workers fill."""

from domain.hardware import Capacity
from domain.ports.clock import Clock
from domain.ports.hardware_probe import HardwareProbe

#: Seconds that a reading is good for: the driver takes its time to answer.
_FRESH_S = 10.0


class KnownCapacity:
    """The most that was ever free while this process runs.

    What is missing now is held by a worker, which gives it back, or uses it again, for the next video.
    What another program takes later is found out by the run.
    """

    def __init__(self, hardware: HardwareProbe, clock: Clock) -> None:
        self._hardware = hardware
        self._clock = clock
        self._read_at = clock.monotonic()
        self._most = hardware.read().capacity

    def __call__(self) -> Capacity:
        """As known now; safe to call from any thread."""
        now = self._clock.monotonic()
        if now - self._read_at >= _FRESH_S:
            self._read_at = now
            self._most = _more(self._most, self._hardware.read().capacity)
        return self._most


def _more(one: Capacity, other: Capacity) -> Capacity:
    accelerators = [
        size for size in (one.accelerator_bytes, other.accelerator_bytes) if size is not None
    ]
    return Capacity(
        accelerator_bytes=max(accelerators, default=None),
        host_bytes=max(one.host_bytes, other.host_bytes),
    )
