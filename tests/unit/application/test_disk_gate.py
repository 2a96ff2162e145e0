"""The two marks of the disk: below 10 GiB nothing is started, below 2 nothing accepted."""

import pytest

from application.disk_gate import DiskGate
from domain.errors import DiskFull
from tests.fakes.hardware_probe import GIB, FakeHardwareProbe


@pytest.mark.parametrize(
    ("free", "starts", "accepts"),
    [(10 * GIB, True, True), (10 * GIB - 1, False, True), (2 * GIB, False, True),
     (2 * GIB - 1, False, False), (0, False, False)],
)  # fmt: skip
def test_a_mark_is_met_by_as_much_as_it_says(
    free: int, starts: bool, accepts: bool, gate: DiskGate, hardware: FakeHardwareProbe
) -> None:
    hardware.free = free

    assert (gate.problem() is None) is starts
    if accepts:
        gate.refuse_if_full()
    else:
        with pytest.raises(DiskFull):
            gate.refuse_if_full()


def test_what_is_told_names_the_sizes_and_the_setting(
    gate: DiskGate, hardware: FakeHardwareProbe
) -> None:
    hardware.free = 3 * GIB

    assert "3072 MiB" in (gate.problem() or "")
    assert "10240 MiB" in (gate.problem() or "")
    assert "disk.soft_mib" in (gate.problem() or "")
