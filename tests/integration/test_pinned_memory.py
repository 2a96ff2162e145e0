"""What of a streamed expert is pinned, in how many bytes, and that it is given back.

A driver that notes what it is to lock stands for CUDA's.
"""

import gc
import logging
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from diffusers import WanTransformer3DModel
from diffusers.quantizers.gguf.utils import GGUFParameter

import adapters.embedded
from adapters.diffusers.gguf_weights import load_gguf
from adapters.diffusers.int8_weights import Int8Linear
from adapters.diffusers.loading import load
from adapters.diffusers.parts import Parts
from adapters.diffusers.pinned_memory import Locks, PinnedMemory, locks_for
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from domain.placement import ALL_RESIDENT, Place
from domain.structure import Precision
from tests.integration.gguf_files import Kind, write_gguf
from tests.integration.tiny_wans import ANIMATE, VACE, a_pipe

pytestmark = pytest.mark.slow

HOST = torch.device("cpu")
MINI = FilesystemCheckpointCatalog([Path(adapters.embedded.__path__[0])]).find("mini")
VISITING = replace(
    ALL_RESIDENT, experts=Place.VISITING, text_encoder=Place.VISITING, vae=Place.VISITING
)
STREAMED = replace(VISITING, experts=Place.STREAMED)
PINNED = replace(STREAMED, is_pinned=True)


class FakeDriver:
    """Locks as many pages as it is asked to, until it has locked `room` buffers."""

    def __init__(self, room: int = 1000) -> None:
        self._room = room
        self.locked: dict[int, int] = {}  # bytes, by their address

    @property
    def locks(self) -> Locks:
        return Locks(self.lock, self.unlock)

    def lock(self, address: int, size: int) -> str:
        if len(self.locked) == self._room:
            return "out of memory"
        self.locked[address] = size
        return ""

    def unlock(self, addresses: Sequence[int]) -> None:
        for address in addresses:
            assert is_mapped(address), "unmapped before it was unlocked"
            del self.locked[address]

    def has(self, tensor: torch.Tensor) -> bool:
        return any(
            address <= tensor.data_ptr() < address + size for address, size in self.locked.items()
        )


def is_mapped(address: int) -> bool:
    spans = [
        line.split()[0].split("-") for line in Path("/proc/self/maps").read_text().splitlines()
    ]
    return any(int(begin, 16) <= address < int(end, 16) for begin, end in spans)


@pytest.fixture
def driver() -> FakeDriver:
    return FakeDriver()


@pytest.fixture
def pipe() -> Any:
    return load(MINI, VISITING, HOST).pipe


def tensors_of(*parts: torch.nn.Module) -> Iterator[torch.Tensor]:
    for part in parts:
        yield from part.parameters()
        yield from part.buffers()


def bytes_of(*parts: torch.nn.Module) -> int:
    return sum(tensor.nbytes for tensor in tensors_of(*parts))


def values_of(pipe: Any) -> dict[str, torch.Tensor]:
    experts = {"1": pipe.transformer, "2": pipe.transformer_2}
    return {n + key: t.clone() for n, e in experts.items() for key, t in e.state_dict().items()}


def are_equal(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> bool:
    return before.keys() == after.keys() and all(
        torch.equal(tensor, after[name]) for name, tensor in before.items()
    )


def test_the_blocks_are_pinned_to_the_byte_and_nothing_else_is(
    pipe: Any, driver: FakeDriver
) -> None:
    # torch pins each tensor in a block of its own, which takes half as much again.
    before = values_of(pipe)

    pipe.parts = Parts(pipe, PINNED, HOST, locks=driver.locks)

    blocks = [*pipe.transformer.blocks, *pipe.transformer_2.blocks]
    assert sum(driver.locked.values()) == bytes_of(*blocks)
    assert all(map(driver.has, tensors_of(*blocks)))
    everything = tensors_of(pipe.transformer, pipe.transformer_2, pipe.vae)
    assert sum(map(driver.has, everything)) == len(list(tensors_of(*blocks)))
    assert are_equal(before, values_of(pipe))


@pytest.mark.parametrize("structure", [VACE, ANIMATE])
def test_all_that_diffusers_streams_is_pinned(structure: Any, driver: FakeDriver) -> None:
    expert = type(a_pipe(structure).transformer).from_config(a_pipe(structure).transformer.config)
    pipe = load(MINI, VISITING, HOST).pipe
    pipe.transformer, pipe.transformer_2 = expert, None

    pipe.parts = Parts(pipe, PINNED, HOST, locks=driver.locks)

    streamed = [
        hook.group
        for module in expert.modules()
        if module is not expert
        and (hook := hook_of(module)) is not None
        and hook.group.onload_leader is module
    ]
    modules = [module for group in streamed for module in group.modules]
    assert len(modules) > len(expert.blocks)
    assert len(driver.locked) == len(modules)
    assert sum(driver.locked.values()) == bytes_of(*modules)


def hook_of(module: Any) -> Any:
    registry = getattr(module, "_diffusers_hook", None)
    return registry.get_hook("group_offloading") if registry else None


def test_what_is_not_to_be_pinned_is_not(pipe: Any, driver: FakeDriver) -> None:
    pipe.parts = Parts(pipe, STREAMED, HOST, locks=driver.locks)

    assert driver.locked == {}


@pytest.mark.parametrize("placement", [STREAMED, PINNED])
def test_diffusers_is_never_to_pin_all_by_itself(placement: Any, pipe: Any) -> None:
    pipe.parts = Parts(pipe, placement, HOST)

    for block in (*pipe.transformer.blocks, *pipe.transformer_2.blocks):
        assert hook_of(block).config.low_cpu_mem_usage


def test_it_is_unlocked_before_it_is_unmapped_once_nobody_holds_the_parts(
    driver: FakeDriver,
) -> None:
    # Pages that are unmapped while they are locked are lost until the process ends.
    pipe = load(MINI, VISITING, HOST).pipe
    pipe.parts = Parts(pipe, PINNED, HOST, locks=driver.locks)
    addresses = list(driver.locked)
    parts = weakref.ref(pipe.parts)
    locked_meanwhile = len(driver.locked)

    del pipe
    gc.collect()

    assert locked_meanwhile == 2 * 5
    assert parts() is None
    assert driver.locked == {}
    assert not any(map(is_mapped, addresses))


def test_where_no_more_can_be_locked_the_rest_stays_where_it_lies(
    pipe: Any, caplog: pytest.LogCaptureFixture
) -> None:
    driver, before = FakeDriver(room=2), values_of(pipe)
    rest = [tensor.data_ptr() for tensor in tensors_of(*pipe.transformer.blocks[2:])]

    with caplog.at_level(logging.WARNING):
        pipe.parts = Parts(pipe, PINNED, HOST, locks=driver.locks)

    assert set(driver.locked.values()) == {bytes_of(pipe.transformer.blocks[0])}
    assert [t.data_ptr() for t in tensors_of(*pipe.transformer.blocks[2:])] == rest
    assert are_equal(before, values_of(pipe))
    (told,) = caplog.records
    assert "no more can be pinned" in told.message
    assert vars(told)["reason"] == "out of memory"
    assert vars(told)["pinned_bytes"] == sum(driver.locked.values())


def test_a_buffer_that_the_system_does_not_give_is_one_that_cannot_be_locked() -> None:
    driver = FakeDriver()
    pinned, part = PinnedMemory(driver.locks), torch.nn.Module()
    part.weight = torch.nn.Parameter(torch.zeros(1).expand(2**50))  # too much for any system

    pinned.take_in(part)

    assert driver.locked == {}
    assert part.weight.untyped_storage().nbytes() == 4


def test_a_block_is_pinned_before_the_next_one_is_cast(pipe: Any) -> None:
    # All of an expert's cast copies lay beside its pinned ones.
    cast = []

    def note(_address: int, _size: int) -> str:
        blocks = [*pipe.transformer.blocks, *pipe.transformer_2.blocks]
        cast.append(sum(isinstance(block.attn1.to_q, Int8Linear) for block in blocks))
        return ""

    placement = replace(PINNED, precision=Precision.INT8)
    pipe.parts = Parts(pipe, placement, HOST, locks=Locks(note, lambda _: None))

    assert cast == [*range(1, 2 * 5 + 1)]


def test_tensors_of_a_gguf_file_are_pinned_as_they_are(driver: FakeDriver, tmp_path: Path) -> None:
    plain = WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=128, text_dim=256, ffn_dim=512, num_layers=2
    )
    plain.save_config(tmp_path)
    file = write_gguf(tmp_path / "x.gguf", dict(plain.state_dict()), Kind.Q8_0)
    block = load_gguf(file, tmp_path, torch.bfloat16).blocks[0]
    before = {name: tensor.clone() for name, tensor in block.state_dict().items()}

    pinned = PinnedMemory(driver.locks)
    pinned.take_in(block)

    assert pinned.size_bytes == sum(driver.locked.values()) == bytes_of(block)
    assert all(map(driver.has, tensors_of(block)))
    assert are_equal(before, block.state_dict())
    weight = block.attn1.to_q.weight
    assert isinstance(weight, GGUFParameter)
    assert weight.quant_type == gguf.GGMLQuantizationType.Q8_0


def test_where_nothing_is_copied_to_cuda_nothing_has_to_be_locked() -> None:
    locks = locks_for(HOST)

    assert locks.lock(0, 1) == ""
    locks.unlock([0])
