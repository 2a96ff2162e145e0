"""A machine with one small accelerator."""

from domain.hardware import Accelerator, Capacity, Hardware, Host
from domain.ports.hardware_probe import HardwareProbe

GIB = 1024**3


class FakeHardwareProbe(HardwareProbe):
    """Reads `hardware` and `free`; set them to be another machine."""

    def __init__(self) -> None:
        self.free = 100 * GIB
        self.hardware = Hardware(
            host=Host(
                cpu_count=8, load_percent=12.5, total_bytes=64 * GIB, available_bytes=48 * GIB
            ),
            accelerators=(
                Accelerator(
                    index=0,
                    name="Fake 24G",
                    total_bytes=24 * GIB,
                    used_bytes=2 * GIB,
                    load_percent=7,
                    temperature_c=41,
                    power_w=None,
                ),
            ),
        )

    def read(self) -> Hardware:
        return self.hardware

    def free_disk_bytes(self) -> int:
        return self.free

    def capacity(self) -> Capacity:
        """Of the only worker, on the first accelerator that there is."""
        return self.hardware.capacity_for(["0"])


#: It slows itself down at 90 °C, and is nearly there.
A_HOT_CARD = Accelerator(
    index=0,
    name="Fake 24G",
    total_bytes=24 * GIB,
    used_bytes=2 * GIB,
    load_percent=100,
    temperature_c=89,
    power_w=450.0,
    slowdown_c=90,
)
