"""Where a loaded pipeline's parts lie, and how they get to the accelerator and back.

A part that leaves takes up again the host tensors it came with. Those that are a file's own pages, used as
they lie, cost no memory of the process and are never let go; any other of a part that came to stay is given
back, and has to be copied home if the part is to leave one day. Of an expert that is streamed, only what is
around its blocks is copied back.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import torch
from diffusers import WanAnimatePipeline, WanPipeline

from adapters.diffusers.cast_blocks import Cast, cast_blocks, cast_for
from adapters.diffusers.fp8_weights import choose_product
from adapters.diffusers.mapped_files import MappedFiles
from adapters.diffusers.pinned_memory import Locks, PinnedMemory, locks_for
from domain.placement import Place, Placement
from domain.structure import Precision

_HOST = torch.device("cpu")
#: The blocks that are cast; those beside them are streamed as they are.
_TRUNK = "blocks"


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

    def __init__(
        self,
        pipe: Placed,
        placement: Placement,
        device: torch.device,
        *,
        locks: Locks | None = None,
    ) -> None:
        """Do what is done once: cast, pin and stream the experts. `settle` does the rest.

        Args:
            locks: how memory is pinned; None for the way of `device`.

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
        is_streamed = placement.experts is Place.STREAMED
        is_resident = placement.experts is Place.RESIDENT
        self._pinned: PinnedMemory | None = None  # held as long as its tensors are in use
        if is_streamed and placement.is_pinned:
            self._pinned = PinnedMemory(locks or locks_for(device))
        home = device if is_resident else _HOST
        cast = cast_for(placement.precision, pipe.transformer.dtype, device, home=home)
        for expert in self.experts():
            self._prepare_blocks(expert, cast)
            if is_streamed:
                _stream(expert, device)
            elif is_resident:
                self._guest_of(expert).stay(device)

    def _prepare_blocks(self, expert: Any, cast: Cast | None) -> None:
        """Cast and pin them one after the other: never is there a second copy of more than one."""
        for name, blocks in expert.named_children():
            if not isinstance(blocks, (torch.nn.ModuleList, torch.nn.Sequential)):
                continue  # what diffusers does not stream
            for block in blocks:
                if cast is not None and name == _TRUNK:
                    cast_blocks(block, cast)
                if self._pinned is not None:
                    self._pinned.take_in(block)

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

    @contextmanager
    def at_home(self, part: torch.nn.Module) -> Iterator[None]:
        """Meanwhile `part` is in host memory, whatever its place."""
        self._guest_of(part).leave()
        try:
            yield
        finally:
            self.settle(self.placement)

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
        """What of the placement decides the latents' bits: tiles change only what the VAE encodes.

        What the CPU makes of a text is not quite what a GPU does.
        """
        tiles = int(self.placement.is_tiled) if encodes_image else None
        fp8 = None
        if self.placement.precision is Precision.FP8:
            fp8 = choose_product(self._pipe.transformer.dtype, self.device).name
        return {
            "precision": self.placement.precision.value,
            "fp8 product": fp8,
            "tiles": tiles,
            "text encoder on": self.workplace("text_encoder").type,
        }

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
        self._is_there = self._stays = False
        #: Its tensors' host memory while it is there; None where it was given back.
        self._at_home: Sequence[torch.Tensor | None] = ()

    def visit(self, device: torch.device) -> None:
        """Come, and keep what lies in host memory."""
        if not self._is_there:
            self._at_home = [tensor.data for tensor in self._tensors()]
            self._move(device)

    def stay(self, device: torch.device) -> None:
        """Come for good: host memory of the process's own is given back."""
        if self._stays:
            return
        files = MappedFiles()
        homes = self._at_home if self._is_there else [tensor.data for tensor in self._tensors()]
        self._at_home = [home if home is not None and home in files else None for home in homes]
        del homes  # so that each goes as it is moved
        if not self._is_there:
            self._move(device)
        self._stays = True

    def leave(self) -> None:
        """Go home; what was given back has to be copied there."""
        if not self._is_there:
            return
        for tensor, home in zip(self._tensors(), self._at_home, strict=True):
            tensor.data = tensor.data.to(_HOST) if home is None else home
        self._is_there, self._stays, self._at_home = False, False, ()

    def _move(self, device: torch.device) -> None:
        self._is_there = True  # also where memory runs out halfway: `leave` then undoes it
        for tensor in self._tensors():
            tensor.data = tensor.data.to(device, copy=True)

    def _tensors(self) -> list[torch.Tensor]:
        """In an order that does not change; what is tied, once."""
        return [*self.module.parameters(), *self.module.buffers()]


def _stream(expert: Any, device: torch.device) -> None:
    """Have the blocks come one by one, the next on a stream of its own where the device has those.

    Never by way of a folder: diffusers names its files by the block alone, so that the second expert
    would read the first one's. What is pinned is copied from where it lies; with less thrift diffusers
    would pin the rest in torch's way.
    """
    has_streams = device.type == "cuda"
    expert.enable_group_offload(
        onload_device=device,
        offload_device=_HOST,
        offload_type="block_level",
        num_blocks_per_group=1,
        use_stream=has_streams,
        record_stream=has_streams,
        low_cpu_mem_usage=True,
    )
