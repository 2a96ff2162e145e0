"""What parts that are to stay leave in host memory, and what they find there when they are to leave."""

import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import adapters.embedded
from adapters.diffusers.int8_weights import Int8Linear
from adapters.diffusers.loading import load
from adapters.diffusers.parts import Parts, bring
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from domain.placement import ALL_RESIDENT, Place
from domain.structure import Precision

pytestmark = pytest.mark.slow

HOST = torch.device("cpu")
MINI = FilesystemCheckpointCatalog([Path(adapters.embedded.__path__[0])]).find("mini")
VISITING = replace(
    ALL_RESIDENT, experts=Place.VISITING, text_encoder=Place.VISITING, vae=Place.VISITING
)


class Memory(bytearray):
    """Bytes of which one can tell whether they are still there."""


def addresses(part: torch.nn.Module) -> list[int]:
    return [parameter.data_ptr() for parameter in part.parameters()]


class TestWhoStayed:
    """A transformer that is half a file's own pages and half the process's own memory."""

    @pytest.fixture
    def pipe(self, tmp_path: Path) -> Any:
        pipe = load(MINI, VISITING, HOST).pipe
        pipe.transformer.save_pretrained(tmp_path)
        transformer = type(pipe.transformer).from_pretrained(tmp_path, dtype=torch.bfloat16)
        for parameter in transformer.blocks[0].parameters():  # as if it had been converted
            parameter.data = parameter.data.clone()
        pipe.parts.join("transformer", transformer)
        return pipe

    @pytest.fixture
    def values(self, pipe: Any) -> list[torch.Tensor]:
        return [parameter.clone() for parameter in pipe.transformer.parameters()]

    def is_as_before(self, pipe: Any, values: list[torch.Tensor]) -> bool:
        after = list(pipe.transformer.parameters())
        return all(torch.equal(a, b) for a, b in zip(values, after, strict=True))

    @pytest.mark.parametrize("visits_first", [False, True])
    def test_takes_up_its_files_pages_again_when_it_leaves(
        self, pipe: Any, values: list[torch.Tensor], *, visits_first: bool
    ) -> None:
        # It was copied into memory that nobody had planned.
        in_file = addresses(pipe.transformer.blocks[1])

        if visits_first:
            bring(pipe, pipe.transformer)
        for _ in range(2):  # it stays from run to run
            pipe.parts.settle(ALL_RESIDENT)
        there = addresses(pipe.transformer.blocks[1])
        pipe.parts.settle(VISITING)

        assert not set(there) & set(in_file)
        assert addresses(pipe.transformer.blocks[1]) == in_file
        assert self.is_as_before(pipe, values)

    @pytest.mark.parametrize("visits_first", [False, True])
    def test_has_given_back_the_rest_which_is_copied_home(
        self, pipe: Any, values: list[torch.Tensor], *, visits_first: bool
    ) -> None:
        memory = Memory(pipe.transformer.blocks[0].norm2.weight.numpy(force=True).tobytes())
        home = weakref.ref(memory)
        pipe.transformer.blocks[0].norm2.weight.data = torch.frombuffer(memory, dtype=torch.float32)
        del memory

        if visits_first:
            bring(pipe, pipe.transformer)
        kept = home() is not None
        pipe.parts.settle(ALL_RESIDENT)

        assert kept
        assert home() is None
        pipe.parts.settle(VISITING)
        assert self.is_as_before(pipe, values)


def test_what_is_cast_and_stays_never_lies_in_host_memory() -> None:
    # All of an expert did, in memory that nobody had planned. From the meta device nothing can be copied
    # there; nor, of what is not cast, to it.
    pipe, meta = load(MINI, VISITING, HOST).pipe, torch.device("meta")

    with pytest.raises(RuntimeError, match="incompatible tensor type"):
        Parts(pipe, replace(ALL_RESIDENT, precision=Precision.INT8), meta)

    layers = [it for it in pipe.transformer.modules() if isinstance(it, Int8Linear)]
    assert len(layers) == 10 * len(pipe.transformer.blocks)
    assert all(layer.weight.device == layer.scale.device == meta for layer in layers)
