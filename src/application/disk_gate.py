"""Keeps the disk from filling up under what is already accepted."""

from domain.errors import DiskFull
from domain.ports.hardware_probe import HardwareProbe


class DiskGate:
    """Two marks: below the soft one nothing new is started, below the hard one nothing is accepted.

    What runs may then still finish into the room between them.
    """

    def __init__(self, hardware: HardwareProbe, *, soft_bytes: int, hard_bytes: int) -> None:
        self._hardware = hardware
        self._soft_bytes = soft_bytes
        self._hard_bytes = hard_bytes

    def problem(self) -> str | None:
        """Why no generation is started; None where there is room."""
        free = self._hardware.free_disk_bytes()
        if free >= self._soft_bytes:
            return None
        return (
            f"Only {_mib(free)} are free on the disk of the data directory. Generations wait until "
            f"there are {_mib(self._soft_bytes)} again (disk.soft_mib)."
        )

    def refuse_if_full(self) -> None:
        """Raise `DiskFull` where nothing more can be kept."""
        free = self._hardware.free_disk_bytes()
        if free < self._hard_bytes:
            raise DiskFull(
                f"Only {_mib(free)} are free on the disk of the data directory, less than "
                f"{_mib(self._hard_bytes)} (disk.hard_mib): free some space and try again."
            )


def _mib(size: int) -> str:
    return f"{size // 2**20} MiB"
