"""What one video needs under one placement: accelerator and host memory, phase by phase.

Weights are exact; activations come from `domain.activations`; what is added for kernels and allocators
are the constants here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from domain.activations import (
    decoding_bytes,
    denoising_bytes,
    image_encoding_bytes,
    looks_bytes,
    text_encoding_bytes,
    tiled_pictures_bytes,
)
from domain.placement import Place, Placement
from domain.side_branches import ControlBranch
from domain.structure import Precision, Structure

GIB: Final = 2**30

#: The driver's context and the libraries' kernels, which no allocator counts.
CONTEXT_BYTES: Final = GIB
#: Share of the activations that kernels' workspaces and a fragmented allocator may take on top.
SLACK: Final = 0.25
#: Blocks of a streamed expert that are there at once: one works, one comes, one has not gone yet.
_STREAMED_BLOCKS: Final = 3
#: Host memory, in blocks, for one that is pinned only while it is copied: torch rounds each tensor's up to a
#: power of two. Where all are pinned, one is copied at a time, and lies there twice.
_STAGED_BLOCKS: Final = 2
#: Latents of float32 that a sampler keeps beside those it works on.
_SAMPLER_COPIES: Final = 8

#: Host memory of a worker with CUDA's libraries, before any weight.
_CUDA_PROCESS_BYTES: Final = 3 * GIB
#: Host memory of a worker without an accelerator, before any weight, and how much more than the live
#: tensors its process holds at the peak. Measured: `benchmarks/plan.py`.
_CPU_PROCESS_BYTES: Final = int(0.55 * GIB)
_CPU_WORKSPACE: Final = 1.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One video on one checkpoint, as memory sees it.

    Attributes:
        structure: of the checkpoint.
        stored_as: the precision that each part's file can be used in as it lies, None where it must be
            converted; empty where no file is here, which is taken to mean that none must.
        tokens: what one forward attends over.
        latent_bytes: of the latents in float32 that are made at once.
        kept_bytes: of those of the segments before, which the host keeps.
        forwards: of the transformers, in the whole run.
        pictures_encoded: how many pictures the VAE encodes at once first; 0 from text alone.
        has_token_times: whether tokens have timesteps that differ, and so the embedding of each is held.
        lora_numbers: of the tensors that LoRAs add to each expert.
        precision: what was asked for; None leaves it to the plan.
    """

    structure: Structure
    stored_as: Mapping[str, Precision | None]
    width: int
    height: int
    num_frames: int
    tokens: int
    latent_bytes: int
    kept_bytes: int
    forwards: int
    pictures_encoded: int
    has_token_times: bool
    lora_numbers: tuple[int, ...] = ()
    precision: Precision | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What it comes to.

    Attributes:
        phases: bytes allocated on the accelerator at the peak of each phase; empty on the CPU.
        accelerator_needed: that, context and slack included, must be free; 0 on the CPU.
        host_bytes: what the process holds at its peak.
        host_needed: that must be available: also what must stay in the page cache to be read again
            and again.
        expert_bus_bytes: experts' weights that cross to the accelerator for one video, once all is
            loaded.
        bus_bytes: these and all others.
    """

    phases: Mapping[str, int]
    accelerator_needed: int
    host_bytes: int
    host_needed: int
    expert_bus_bytes: int
    bus_bytes: int

    @property
    def accelerator_bytes(self) -> int:
        """Allocated at the peak; 0 on the CPU."""
        return max(self.phases.values(), default=0)

    def corrected(self, *, accelerator_bytes: int | None, host_bytes: int | None) -> "Demand":
        """The same after runs whose peaks were these; None where none was measured.

        With an accelerator, `host_bytes` says nothing: the pages of mapped files that were read are resident,
        too, but not the process's own (ADR-0057).
        """
        if not self.phases:
            more = 0 if host_bytes is None else host_bytes - self.host_bytes
            return replace(
                self, host_bytes=self.host_bytes + more, host_needed=self.host_needed + more
            )
        if accelerator_bytes is None:
            return self
        share = accelerator_bytes / self.accelerator_bytes
        return replace(
            self,
            phases={phase: round(size * share) for phase, size in self.phases.items()},
            accelerator_needed=self.accelerator_needed + accelerator_bytes - self.accelerator_bytes,
        )


def demand(work: Work, placement: Placement) -> Demand:
    """The memory of `work` under `placement`."""
    if placement.is_on_cpu:
        return _on_cpu(work, placement)
    activations = _activations(work, placement)
    weights = {phase: _weights_there(work, placement, phase) for phase in activations}
    needed = {
        phase: weights[phase] + int((1 + SLACK) * activations[phase]) for phase in activations
    }
    host_bytes = _host_bytes(work, placement)
    return Demand(
        phases={phase: weights[phase] + activations[phase] for phase in activations},
        accelerator_needed=max(needed.values()) + CONTEXT_BYTES,
        host_bytes=host_bytes,
        host_needed=host_bytes + _kept_in_cache(work, placement),
        expert_bus_bytes=_expert_bus_bytes(work, placement),
        bus_bytes=_expert_bus_bytes(work, placement) + _other_bus_bytes(work, placement),
    )


def expert_bytes(work: Work, placement: Placement) -> int:
    """One expert's weights; of two that differ, the larger one's."""
    return max(work.structure.expert_bytes(placement.precision))


def experts_bytes(work: Work, placement: Placement) -> int:
    """All experts' weights."""
    return sum(work.structure.expert_bytes(placement.precision))


def lora_bytes(work: Work, placement: Placement) -> Sequence[int]:
    """What LoRAs add to each expert, once it has worked. On the host, they are used as their files lie."""
    size = placement.precision.beside.bytes_per_number
    return [numbers * size for numbers in work.lora_numbers[: work.structure.experts]]


def around_blocks_bytes(work: Work, placement: Placement) -> int:
    """Of all experts, what is not in a block, and so neither streamed nor pinned."""
    return work.structure.experts * work.structure.outer_bytes(placement.precision)


def text_encoder_bytes(work: Work, placement: Placement) -> int:
    """The text encoder's weights."""
    return work.structure.text_encoder.weight_bytes(placement.precision)


def window_bytes(work: Work, placement: Placement) -> int:
    """What of a streamed expert is on the accelerator at once."""
    structure, precision = work.structure, placement.precision
    return _STREAMED_BLOCKS * structure.block_bytes(precision) + structure.outer_bytes(precision)


def _on_cpu(work: Work, placement: Placement) -> Demand:
    peak = max(_activations(work, placement).values())
    weights = work.structure.weight_bytes(placement.precision) + sum(lora_bytes(work, placement))
    host_bytes = _CPU_PROCESS_BYTES + weights + int(_CPU_WORKSPACE * peak) + work.kept_bytes
    return Demand(
        phases={},
        accelerator_needed=0,
        host_bytes=host_bytes,
        host_needed=host_bytes,
        expert_bus_bytes=0,
        bus_bytes=0,
    )


def _activations(work: Work, placement: Placement) -> dict[str, int]:
    """By phase. A text encoder that works on the CPU has none on the accelerator."""
    structure = work.structure
    width, height, is_tiled = work.width, work.height, placement.is_tiled
    phases = {}
    if placement.is_on_cpu or placement.text_encoder is not Place.HOST:
        phases["text encoding"] = text_encoding_bytes(structure.text_encoder, placement.precision)
        if structure.image_encoder is not None:
            phases["looks encoding"] = looks_bytes(structure.image_encoder, placement.precision)
    if work.pictures_encoded:
        phases["image encoding"] = image_encoding_bytes(
            structure.vae,
            width=width,
            height=height,
            num_frames=work.pictures_encoded,
            is_tiled=is_tiled,
            is_control=isinstance(structure.transformer.side, ControlBranch),
        )
    phases["denoising"] = _SAMPLER_COPIES * work.latent_bytes + denoising_bytes(
        structure.transformer,
        work.tokens,
        placement.precision,
        has_token_times=work.has_token_times,
        num_frames=work.num_frames,
    )
    phases["denoising"] += structure.workspace_bytes(placement.precision)
    phases["decoding"] = work.latent_bytes + decoding_bytes(
        structure.vae, width=width, height=height, is_tiled=is_tiled
    )
    return phases


def _weights_there(work: Work, placement: Placement, phase: str) -> int:
    """Weights on the accelerator in that phase: what is resident, and who works."""
    expert = expert_bytes(work, placement)
    there = 0
    encoders = {
        "text encoding": text_encoder_bytes(work, placement),
        "looks encoding": work.structure.image_encoder_bytes(placement.precision),
    }
    if placement.text_encoder is Place.RESIDENT:
        there += sum(encoders.values())
    elif placement.text_encoder is Place.VISITING:
        there += encoders.get(phase, 0)
    if placement.vae is Place.RESIDENT or phase in {"image encoding", "decoding"}:
        there += work.structure.vae.weight_bytes
    loras = lora_bytes(work, placement)
    if placement.experts is Place.RESIDENT:
        there += experts_bytes(work, placement) + sum(loras)
    elif phase == "denoising":
        is_streamed = placement.experts is Place.STREAMED
        there += window_bytes(work, placement) if is_streamed else expert
        there += max(loras, default=0)
    return there


def _host_bytes(work: Work, placement: Placement) -> int:
    """The process and what of the weights is its own: files that are mapped as they are cost nothing."""
    parts = _parts(work, placement)
    # All parts are loaded before any is cast, pinned or leaves.
    loading = sum(part.converted + _pinned_beside(part, placement) for part in parts)
    staying = sum(_own_bytes(work, placement, part) for part in parts)
    pictures = 0
    if placement.is_tiled:
        pictures = tiled_pictures_bytes(
            width=work.width, height=work.height, num_frames=work.num_frames
        )
    copying = 0
    if placement.experts is Place.STREAMED:
        copies = 1 if placement.is_pinned else _STAGED_BLOCKS
        copying = copies * work.structure.block_bytes(placement.precision)
    return _CUDA_PROCESS_BYTES + copying + max(loading, staying + pictures + work.kept_bytes)


def _own_bytes(work: Work, placement: Placement, part: "_Part") -> int:
    """What the process itself holds of a part once all is placed."""
    own = part.size - part.mapped
    match part.place:
        case Place.RESIDENT:
            return 0
        case Place.STREAMED if placement.is_pinned:
            return part.size
        case Place.STREAMED:  # what is around the blocks is copied back after each forward
            return min(own + work.structure.outer_bytes(placement.precision), part.size)
        case _:
            return own


def _pinned_beside(part: "_Part", placement: Placement) -> int:
    """What of a part is pinned while malloc has not given back what was converted for it."""
    is_pinned = placement.is_pinned and part.place is Place.STREAMED
    return min(part.converted, part.size) if is_pinned else 0


def _kept_in_cache(work: Work, placement: Placement) -> int:
    """Mapped weights that are read for every forward, or where they lie: too slow from a disk."""
    is_read = {
        Place.STREAMED: not placement.is_pinned,
        Place.HOST: True,
    }
    read = (part.mapped for part in _parts(work, placement) if is_read.get(part.place))
    return max(read, default=0)


def _expert_bus_bytes(work: Work, placement: Placement) -> int:
    match placement.experts:
        case Place.VISITING:
            return experts_bytes(work, placement)
        case Place.STREAMED:
            return work.forwards * expert_bytes(work, placement)
        case _:
            return 0


def _other_bus_bytes(work: Work, placement: Placement) -> int:
    total = 0
    if placement.text_encoder is Place.VISITING:
        total += text_encoder_bytes(work, placement)
        total += work.structure.image_encoder_bytes(placement.precision)
    if placement.vae is Place.VISITING:
        total += (2 if work.pictures_encoded else 1) * work.structure.vae.weight_bytes
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One part's weights.

    Attributes:
        size: once loaded.
        mapped: what of that is used as it lies in its file: its pages are the kernel's, not the process's.
        converted: what loading it makes in host memory.
    """

    place: Place
    size: int
    mapped: int
    converted: int


def _parts(work: Work, placement: Placement) -> list[_Part]:
    experts = ("transformer", "transformer_2")[: work.structure.experts]
    sizes = work.structure.expert_bytes(placement.precision)
    encoder, looks = work.structure.text_encoder, work.structure.image_encoder
    parts = [
        *(
            _expert(work, placement, index, name, size)
            for index, (name, size) in enumerate(zip(experts, sizes, strict=True))
        ),
        _part(
            placement.text_encoder,
            text_encoder_bytes(work, placement),
            encoder.weight_bytes(Precision.BF16) if is_converted(work, "text_encoder") else 0,
        ),
        _part(
            placement.vae,
            work.structure.vae.weight_bytes,
            work.structure.vae.weight_bytes if is_converted(work, "vae") else 0,
        ),
    ]
    if looks is not None:
        size = looks.weight_bytes(placement.precision)
        converted = looks.weight_bytes(Precision.BF16) if is_converted(work, "image_encoder") else 0
        parts.append(_part(placement.text_encoder, size, converted))
    return parts


def _part(place: Place, size: int, converted: int) -> _Part:
    return _Part(place=place, size=size, mapped=0 if converted else size, converted=converted)


def _expert(work: Work, placement: Placement, index: int, name: str, size: int) -> _Part:
    place, quantised = placement.experts, work.structure.quantised
    if quantised:
        mapped = quantised[index].all.size_bytes
        return _Part(place=place, size=size, mapped=mapped, converted=size - mapped)
    transformer = work.structure.transformer
    converted = transformer.weight_bytes(Precision.BF16) if is_converted(work, name) else 0
    if placement.precision is not placement.precision.beside:  # cast after loading
        return _Part(place=place, size=size, mapped=0, converted=converted)
    return _part(place, size, converted)


def is_converted(work: Work, name: str) -> bool:
    """Whether the part is stored in another precision than it is loaded in."""
    if work.structure.quantised and name.startswith("transformer"):
        return False
    loaded = Precision.FP32 if name == "vae" else Precision.BF16
    return bool(work.stored_as) and work.stored_as.get(name) is not loaded
