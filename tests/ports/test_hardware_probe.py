"""The contract of `HardwareProbe`, on every adapter."""

from pathlib import Path

import pytest

from adapters.hardware.probe import NvmlHardwareProbe
from domain.ports.hardware_probe import HardwareProbe
from tests.fakes.hardware_probe import FakeHardwareProbe


@pytest.fixture(params=["nvml", "fake"])
def probe(request: pytest.FixtureRequest, tmp_path: Path) -> HardwareProbe:
    return FakeHardwareProbe() if request.param == "fake" else NvmlHardwareProbe(tmp_path / "new")


def test_the_host_is_always_there(probe: HardwareProbe) -> None:
    host = probe.read().host

    assert host.cpu_count >= 1
    assert 0 < host.available_bytes <= host.total_bytes


def test_accelerators_are_whole_or_absent_with_a_reason(probe: HardwareProbe) -> None:
    hardware = probe.read()

    assert hardware.accelerators or hardware.note
    for accelerator in hardware.accelerators:
        assert 0 <= accelerator.used_bytes <= accelerator.total_bytes


def test_the_disk_has_room_even_before_the_data_directory_is_made(probe: HardwareProbe) -> None:
    assert probe.free_disk_bytes() > 0
