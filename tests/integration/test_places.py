"""Which accelerator each worker's place is on, as the driver and the operator name them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dependency_injector import providers

from application.estimate_generation import Imagined
from bootstrap import places
from bootstrap.core_container import CoreContainer
from bootstrap.plan import estimate
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


@pytest.fixture
def plain(probe: FakeHardwareProbe, monkeypatch: pytest.MonkeyPatch) -> FakeHardwareProbe:
    """Four cores, much memory, no accelerator."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(places, "usable_cores", lambda: 4)
    probe.hardware = replace(probe.hardware, accelerators=(), note="none")
    return probe


def spares(made: ServerContainer) -> Sequence[bool]:
    return [lane.slot.is_spare for lane in made.lanes()]


def test_without_an_accelerator_there_is_one_slot_on_none_and_a_spare_one_for_miniatures(
    tmp_path: Path, plain: FakeHardwareProbe
) -> None:
    made = container(tmp_path, plain)

    assert indices(made) == [None, None]
    assert spares(made) == [False, True]
    first, spare = (lane.slot for lane in made.lanes())
    assert all(slot.takes("mini") for slot in (first, spare))
    assert (first.takes("t2v-1.3B"), spare.takes("t2v-1.3B")) == (True, False)


def test_what_the_spare_worker_may_take_is_planned_for_nobody_else(
    tmp_path: Path, plain: FakeHardwareProbe
) -> None:
    free = plain.hardware.host.available_bytes

    alone = container(tmp_path, plain, workers=1).capacity()().host_bytes
    beside = container(tmp_path, plain).capacity()().host_bytes

    assert alone == free
    assert 2**28 < alone - beside < 2**30


@pytest.mark.parametrize(
    "said",
    [{"workers": 1}, {"renderer": "inprocess"}, {"pipeline__backend": "synthetic"}],
    ids=str,
)
def test_there_is_no_spare_slot_where(
    said: dict[str, object], tmp_path: Path, plain: FakeHardwareProbe
) -> None:
    assert spares(container(tmp_path, plain, **said)) == [False]


def test_workers_that_were_asked_for_are_no_spares(
    tmp_path: Path, plain: FakeHardwareProbe
) -> None:
    assert spares(container(tmp_path, plain, workers=2)) == [False, False]


@pytest.mark.parametrize("workers", ["auto", 2])
def test_the_server_renders_itself_in_one_slot(
    workers: object, tmp_path: Path, plain: FakeHardwareProbe
) -> None:
    # Two were more than there are renderers: the server ended with a ValueError.
    assert spares(container(tmp_path, plain, renderer="inprocess", workers=workers)) == [False]


def test_one_core_or_little_memory_leaves_no_spare_slot(
    tmp_path: Path, plain: FakeHardwareProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    rich = plain.hardware
    poor = replace(rich.host, available_bytes=2 * 2**30)
    plain.hardware = replace(rich, host=poor)
    assert spares(container(tmp_path, plain)) == [False]

    plain.hardware = rich
    monkeypatch.setattr(places, "usable_cores", lambda: 1)
    assert spares(container(tmp_path, plain)) == [False]


def test_what_fits_is_judged_by_the_watch_and_never_asks_the_driver(
    tmp_path: Path, probe: FakeHardwareProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    made = container(tmp_path, probe)
    capacity = made.capacity()

    def hang() -> Hardware:
        raise AssertionError("asked within a request")

    monkeypatch.setattr(probe, "read", hang)

    assert capacity() == probe.hardware.capacity_for(["0", "1"])


GIB = 2**30
HIDDEN = {"visible": "-1", "accelerator": None, "host": 48}
NONE_NAMED = {"visible": "", "accelerator": None, "host": 48}
LARGE = {"visible": "1", "accelerator": 78, "host": 48}
BY_UUID = {"visible": "GPU-22", "accelerator": 78, "host": 48}
SHARED = {"visible": "1", "workers": 2, "accelerator": 39, "host": 24}
BOTH = {"visible": None, "accelerator": 22, "host": 24}
ITSELF = {"visible": None, "renderer": "inprocess", "accelerator": 22, "host": 48}


@pytest.mark.parametrize(
    "case", [HIDDEN, NONE_NAMED, LARGE, BY_UUID, SHARED, BOTH, ITSELF], ids=str
)
async def test_the_server_and_the_plan_command_plan_for_what_workers_may_use(
    case: dict[str, Any], tmp_path: Path, probe: FakeHardwareProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With CUDA_VISIBLE_DEVICES=-1 jobs were planned onto a GPU, and ran on the CPU.
    one, other = probe.hardware.accelerators
    probe.hardware = replace(
        probe.hardware, accelerators=(one, replace(other, total_bytes=80 * GIB))
    )
    see(case["visible"], monkeypatch)
    monkeypatch.setattr(places, "usable_cores", lambda: 1)  # no spare worker
    said = {name: case[name] for name in ("workers", "renderer") if name in case}
    settings = load_settings(overrides={"data_dir": str(tmp_path), **said}, environment={})
    core = CoreContainer(settings=settings)
    core.hardware.override(providers.Object(probe))

    served = ServerContainer(core=core).capacity()()
    planned = (await estimate(core, Imagined())).capacity

    assert served == planned
    assert served.accelerator_bytes == (case["accelerator"] and case["accelerator"] * GIB)
    assert served.host_bytes == case["host"] * GIB


@pytest.mark.parametrize(("visible", "index"), [(None, 0), ("1,0", 1), ("-1", None)])
def test_a_process_that_renders_itself_takes_the_first_that_it_sees(
    visible: str | None,
    index: int | None,
    probe: FakeHardwareProbe,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    see(visible, monkeypatch)

    assert places.own_place(probe.hardware).index == index


def see(visible: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
