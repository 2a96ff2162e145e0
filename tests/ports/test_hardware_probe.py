"""The contract of `HardwareProbe`, on every adapter."""

import pytest

from adapters.hardware.probe import NvmlHardwareProbe
from domain.ports.hardware_probe import HardwareProbe
from tests.fakes.hardware_probe import FakeHardwareProbe


@pytest.fixture(params=[NvmlHardwareProbe, FakeHardwareProbe])
def probe(request: pytest.FixtureRequest) -> HardwareProbe:
    kind: type[HardwareProbe] = request.param
    return kind()


def test_the_host_is_always_there(probe: HardwareProbe) -> None:
    host = probe.read().host

    assert host.cpu_count >= 1
    assert 0 < host.available_bytes <= host.total_bytes


def test_accelerators_are_whole_or_absent_with_a_reason(probe: HardwareProbe) -> None:
    hardware = probe.read()

    assert hardware.accelerators or hardware.note
    for accelerator in hardware.accelerators:
        assert 0 <= accelerator.used_bytes <= accelerator.total_bytes
