"""Which accelerator each worker's place is on, as the driver and the operator name them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from dependency_injector import providers

from bootstrap.core_container import CoreContainer
from bootstrap.server_container import ServerContainer
from bootstrap.settings import load_settings
from domain.hardware import Hardware
from tests.fakes.hardware_probe import FakeHardwareProbe


@pytest.fixture
def probe() -> FakeHardwareProbe:
    """Two accelerators."""
    probe = FakeHardwareProbe()
    [one] = probe.hardware.accelerators
    both = (replace(one, uuid="GPU-11-aa"), replace(one, index=1, uuid="GPU-22-bb"))
    probe.hardware = replace(probe.hardware, accelerators=both)
    return probe


def container(folder: Path, probe: FakeHardwareProbe, **said: object) -> ServerContainer:
    overrides = {"data_dir": str(folder), **{k.replace("__", "."): v for k, v in said.items()}}
    core = CoreContainer(settings=load_settings(overrides=overrides, environment={}))
    core.hardware.override(providers.Object(probe))
    return ServerContainer(core=core)


def indices(made: ServerContainer) -> Sequence[int | None]:
    return [lane.slot.heat.index if lane.slot.heat else None for lane in made.lanes()]


def test_each_accelerator_has_a_slot_that_knows_it(
    tmp_path: Path, probe: FakeHardwareProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    assert indices(container(tmp_path, probe)) == [0, 1]


def test_an_operator_may_name_them_in_another_order_by_number_or_uuid(
    tmp_path: Path, probe: FakeHardwareProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-22,0,MIG-7")

    assert indices(container(tmp_path, probe)) == [1, 0, None]


def test_workers_that_share_an_accelerator_share_its_heat(
    tmp_path: Path, probe: FakeHardwareProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")

    one, other = container(tmp_path, probe, workers=2).lanes()

    assert one.slot.heat is other.slot.heat
    assert one.slot.heat is not None


def test_where_nothing_is_ever_held_no_heat_is_followed(
    tmp_path: Path, probe: FakeHardwareProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    assert indices(container(tmp_path, probe, thermal__hold_c="never")) == [None, None]


def test_without_an_accelerator_there_is_one_slot_on_none(
    tmp_path: Path, probe: FakeHardwareProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    probe.hardware = replace(probe.hardware, accelerators=(), note="none")

    assert indices(container(tmp_path, probe)) == [None]


def test_what_fits_is_judged_by_the_watch_and_never_asks_the_driver(
    tmp_path: Path, probe: FakeHardwareProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = container(tmp_path, probe)
    capacity = made.capacity()

    def hang() -> Hardware:
        raise AssertionError("asked within a request")

    monkeypatch.setattr(probe, "read", hang)

    assert capacity() == probe.hardware.capacity
