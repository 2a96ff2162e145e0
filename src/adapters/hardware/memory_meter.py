"""The kernel's own high-water mark of this process, from Linux's `/proc`."""

from pathlib import Path
from typing import Final

from domain.ports import memory_meter

_SELF: Final = Path("/proc/self")
#: What, written to `clear_refs`, sets the mark back to what is resident now. Source: proc(5).
_RESET_PEAK: Final = "5"


class ProcMemoryMeter(memory_meter.MemoryMeter):
    """Tells nothing where the mark cannot be set back: another run's peak is not this one's."""

    def __init__(self) -> None:
        self._is_reset = False

    def begin(self) -> None:
        try:
            (_SELF / "clear_refs").write_text(_RESET_PEAK)
        except OSError:
            self._is_reset = False
        else:
            self._is_reset = True

    def peak_bytes(self) -> int | None:
        if not self._is_reset:
            return None
        for line in (_SELF / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return None
