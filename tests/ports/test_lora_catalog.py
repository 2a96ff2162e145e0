"""What every LoraCatalog does."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from adapters.filesystem.lora_catalog import FilesystemLoraCatalog
from domain.errors import LoraUnusable, UnknownLora
from domain.ports.lora_catalog import LoraCatalog
from tests.fakes.lora_catalog import FakeLoraCatalog, a_lora


@dataclass(frozen=True)
class Rig:
    """A catalog; `put` lays a LoRA there, other content each time, `spoil` one that is damaged."""

    catalog: LoraCatalog
    put: Callable[[str], None]
    spoil: Callable[[str], None]


def _fake(_folder: Path) -> Rig:
    catalog = FakeLoraCatalog()
    return Rig(
        catalog,
        lambda name: catalog.keep(a_lora(name)),
        lambda name: catalog.keep_broken(name, f"{name} is damaged."),
    )


def _filesystem(folder: Path) -> Rig:
    numbers = iter(range(1, 9))

    def put(name: str) -> None:
        layer, content = "diffusion_model.blocks.0.self_attn.q", next(numbers)
        tensors = {
            f"{layer}.lora_down.weight": np.full((4, 160), content, np.float32),
            f"{layer}.lora_up.weight": np.full((160, 4), content, np.float32),
        }
        save_file(tensors, folder / f"{name}.safetensors")

    def spoil(name: str) -> None:
        (folder / f"{name}.safetensors").write_bytes(b"not at all")

    return Rig(FilesystemLoraCatalog(folder), put, spoil)


@pytest.fixture(params=[_fake, _filesystem])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    rig: Rig = request.param(tmp_path)
    return rig


def test_where_there_are_none_there_are_none(rig: Rig) -> None:
    assert list(rig.catalog.entries()) == []
    with pytest.raises(UnknownLora, match="'turn'"):
        rig.catalog.find("turn")


def test_what_is_there_is_listed_by_name_and_found(rig: Rig) -> None:
    for name in ("turn", "anime"):
        rig.put(name)

    entries = rig.catalog.entries()

    assert [(entry.name, entry.problem) for entry in entries] == [("anime", None), ("turn", None)]
    assert [entry.lora for entry in entries] == [rig.catalog.find(n) for n in ("anime", "turn")]
    assert rig.catalog.find("turn").family == "mini"


def test_an_unknown_name_is_told_with_where_its_file_belongs(rig: Rig) -> None:
    rig.put("turn")

    with pytest.raises(UnknownLora, match="'trun': its file belongs into the folder `loras`"):
        rig.catalog.find("trun")


def test_a_damaged_one_is_listed_with_its_problem_and_hides_no_other(rig: Rig) -> None:
    rig.put("turn")
    rig.spoil("anime")

    anime, turn = rig.catalog.entries()

    assert (anime.name, anime.lora, turn.problem) == ("anime", None, None)
    assert anime.problem
    with pytest.raises(LoraUnusable):
        rig.catalog.find("anime")


def test_a_hash_follows_the_content_of_the_file(rig: Rig) -> None:
    rig.put("turn")
    before = rig.catalog.hashes(rig.catalog.find("turn"))
    again = rig.catalog.hashes(rig.catalog.find("turn"))

    rig.put("turn")

    assert before == again != rig.catalog.hashes(rig.catalog.find("turn"))
    assert [len(sha256) for sha256 in before] == [64]
