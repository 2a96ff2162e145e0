"""Where a loaded pipeline's parts lie, and how they get to the accelerator and back.

Weights are never copied back: a part that leaves takes up again the host tensors it came with, which for
a file that is used as it lies are the file's own pages.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

import torch
from diffusers import WanAnimatePipeline, WanPipeline

from adapters.diffusers.cast_blocks import cast_blocks, cast_for
from adapters.diffusers.fp8_weights import choose_product
from domain.placement import Place, Placement
from domain.structure import Precision

_HOST = torch.device("cpu")


class PlacedPipeline(WanPipeline):  # type: ignore[misc]  # diffusers is untyped
    """A stock pipeline whose parts may lie apart; diffusers takes the first one's place for all's.

    `device` is where the work is done.
    """

    parts: "Parts"

    @property
    def device(self) -> torch.device:
        return self.parts.device


class PlacedAnimatePipeline(WanAnimatePipeline):  # type: ignore[misc]  # as above
    """The same of Animate's."""

    parts: "Parts"

    @property
    def device(self) -> torch.device:
        return self.parts.device


Placed: TypeAlias = PlacedPipeline | PlacedAnimatePipeline


def bring(pipe: WanPipeline, part: torch.nn.Module) -> None:
    """Have `part` where it works; those of a stock pipeline are there."""
    if isinstance(pipe, Placed):
        pipe.parts.bring(part)


class Parts:
    """The parts of one pipeline, placed for one run after another."""

    def __init__(self, pipe: Placed, placement: Placement, device: torch.device) -> None:
        """Do what is done once: cast and stream the experts. `settle` does the rest.

        Raises:
            PrecisionUnusable: `device` cannot compute so.
        """
        self.device = device
        self.placement = placement
        self._pipe = pipe
        self._guests = {
            name: _Guest(part)
            for name, part in pipe.components.items()
            if isinstance(part, torch.nn.Module)
        }
        cast = cast_for(placement.precision, pipe.transformer.dtype, device)
        for expert in self.experts():
            if cast is not None:
                cast_blocks(expert, cast)
            if placement.experts is Place.STREAMED:
                _stream(expert, device, is_pinned=placement.is_pinned)
            elif placement.experts is Place.RESIDENT:
                # One after the other, so that no two casts lie in host memory at once.
                self._guest_of(expert).stay(device)

    def can_become(self, placement: Placement) -> bool:
        """Whether `settle` can do it; else the checkpoint has to be loaded again."""

        def once(it: Placement) -> tuple[object, ...]:
            is_streamed = it.experts is Place.STREAMED
            return it.precision, is_streamed, is_streamed and it.is_pinned, it.is_on_cpu

        return once(placement) == once(self.placement)

    def settle(self, placement: Placement) -> None:
        """Between runs: put each part where `placement` has it while it does not work."""
        self.placement = placement
        places = {name: self._place(name) for name in self._guests}
        for name, guest in self._guests.items():
            if places[name] in {Place.VISITING, Place.HOST}:
                guest.leave()
        for name, guest in self._guests.items():
            if places[name] is Place.RESIDENT:
                guest.stay(self.device)
        vae: Any = self._pipe.vae
        vae.enable_tiling() if placement.is_tiled else vae.disable_tiling()

    def bring(self, part: torch.nn.Module) -> None:
        """Have `part` where it works, and no other visitor beside it. At once, where that is so."""
        for name, guest in self._guests.items():
            if guest.module is not part and self._place(name) is Place.VISITING:
                guest.leave()
        for name, guest in self._guests.items():
            if guest.module is part and self._place(name) is Place.VISITING:
                guest.visit(self.device)

    def join(self, name: str, part: torch.nn.Module) -> None:
        """Take in a part that was loaded later, and put it where it is to lie."""
        setattr(self._pipe, name, part)
        guest = self._guests[name] = _Guest(part)
        if self._place(name) is Place.RESIDENT:
            guest.stay(self.device)

    def workplace(self, name: str) -> torch.device:
        """Where the part of that name works."""
        return _HOST if self._place(name) is Place.HOST else self.device

    def identity(self, *, encodes_image: bool) -> dict[str, str | int | None]:
        """What of the placement decides the latents' bits: tiles change only what the VAE encodes."""
        tiles = int(self.placement.is_tiled) if encodes_image else None
        fp8 = None
        if self.placement.precision is Precision.FP8:
            fp8 = choose_product(self._pipe.transformer.dtype, self.device).name
        return {"precision": self.placement.precision.value, "fp8 product": fp8, "tiles": tiles}

    def _place(self, name: str) -> Place:
        match name:
            case "text_encoder" | "image_encoder":  # both are done before the first step
                return self.placement.text_encoder
            case "vae":
                return self.placement.vae
            case _:
                return self.placement.experts

    def experts(self) -> Iterator[Any]:
        """The transformers there are."""
        # Animate's pipeline has no place for a second one.
        for expert in (self._pipe.transformer, getattr(self._pipe, "transformer_2", None)):
            if expert is not None:
                yield expert

    def _guest_of(self, part: torch.nn.Module) -> "_Guest":
        return next(guest for guest in self._guests.values() if guest.module is part)


class _Guest:
    """A part that comes and goes."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.module = module
        self._is_there = False
        self._at_home: list[torch.Tensor] = []  # its tensors' host memory, while it visits

    def visit(self, device: torch.device) -> None:
        """Come, and keep what lies in host memory."""
        if not self._is_there:
            self._at_home = [tensor.data for tensor in self._tensors()]
            self._move(device)

    def stay(self, device: torch.device) -> None:
        """Come for good: what lies in host memory is given back."""
        if not self._is_there:
            self._move(device)
        self._at_home = []

    def leave(self) -> None:
        """Go home; one that was to stay has to be copied there."""
        if not self._is_there:
            return
        homes = self._at_home or [tensor.data.to(_HOST) for tensor in self._tensors()]
        for tensor, home in zip(self._tensors(), homes, strict=True):
            tensor.data = home
        self._is_there, self._at_home = False, []

    def _move(self, device: torch.device) -> None:
        self._is_there = True  # also where memory runs out halfway: `leave` then undoes it
        for tensor in self._tensors():
            tensor.data = tensor.data.to(device, copy=True)

    def _tensors(self) -> list[torch.Tensor]:
        """In an order that does not change; what is tied, once."""
        return [*self.module.parameters(), *self.module.buffers()]


def _stream(expert: Any, device: torch.device, *, is_pinned: bool) -> None:
    """Have the blocks come one by one, the next on a stream of its own where the device has those.

    Never by way of a folder: diffusers names its files by the block alone, so that the second expert
    would read the first one's.
    """
    has_streams = device.type == "cuda"
    expert.enable_group_offload(
        onload_device=device,
        offload_device=_HOST,
        offload_type="block_level",
        num_blocks_per_group=1,
        use_stream=has_streams,
        record_stream=has_streams,
        low_cpu_mem_usage=not is_pinned,
    )
