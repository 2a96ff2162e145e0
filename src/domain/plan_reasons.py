"""A plan in sentences: one for each choice, with the numbers that made it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from domain.activations import TILE_SIDE, decoding_bytes
from domain.demand import (
    CONTEXT_BYTES,
    SLACK,
    Demand,
    Work,
    around_blocks_bytes,
    demand,
    expert_bytes,
    experts_bytes,
    is_converted,
    lora_bytes,
    text_encoder_bytes,
    window_bytes,
)
from domain.hardware import FP8_FROM, Capacity
from domain.overflow import Overflow
from domain.placement import Place, Placement
from domain.run_record import PastRun
from domain.sizes import gib
from domain.structure import Precision

#: Says of another placement why it is not that one.
_Would: TypeAlias = Callable[[Placement], str]


def reasons(
    work: Work,
    placement: Placement,
    needs: Demand,
    capacity: Capacity,
    heeded: Sequence[Overflow] = (),
) -> tuple[str, ...]:
    """Why `placement`, for `work`, in that much memory. `heeded`: runs that found no room, and so ruled others out."""
    loras = _loras(work, placement)
    if placement.is_on_cpu:
        return (_on_cpu(work, placement, needs, capacity), *loras)
    assert capacity.accelerator_bytes is not None, "placed on an accelerator"
    would = partial(_would, work, capacity=capacity, heeded=heeded)
    return (
        _experts(work, placement, would),
        *_pinning(work, placement, capacity),
        *loras,
        _text_encoder(work, placement, would),
        _vae(work, placement),
        _decoding(work, placement, needs, capacity.accelerator_bytes, would),
        _precision(work, placement),
        _accelerator(needs, capacity.accelerator_bytes),
        _host(work, needs, capacity),
    )


def told_of(runs: Sequence[PastRun]) -> Sequence[str]:
    """What the times rest on; nothing where there are none."""
    if not runs:
        return ()
    times = "run" if len(runs) == 1 else f"{len(runs)} runs"
    return (f"The times are those of this machine's last {times} of this kind.",)


def _on_cpu(work: Work, placement: Placement, needs: Demand, capacity: Capacity) -> str:
    weights = work.structure.weight_bytes(placement.precision)
    told = (
        f"There is no accelerator: the weights lie in host memory and work on the CPU, in "
        f"{placement.precision} ({gib(weights)}); at the peak that is {gib(needs.host_bytes)} of the "
        f"{gib(capacity.host_bytes)} available."
    )
    if placement.precision is Precision.FP8:
        told += " fp8 was asked for: on a CPU it changes the picture as it does on a GPU, and saves no time."
    return f"{told} {_quantised(work, placement)}" if work.structure.quantised else told


def _experts(work: Work, placement: Placement, would: _Would) -> str:
    expert = gib(expert_bytes(work, placement))
    sizes = dict.fromkeys(map(gib, work.structure.expert_bytes(placement.precision)))
    each = f"{expert} each" if len(sizes) == 1 else " and ".join(sizes)
    is_pair = work.structure.experts > 1
    match placement.experts:
        case Place.RESIDENT:
            stay = f"Both experts ({each}) stay"
            stays = f"The transformer ({expert}) stays"
            told = "on the accelerator: nothing is loaded again between videos."
            return f"{stay if is_pair else stays} {told}"
        case Place.VISITING:
            otherwise = would(replace(placement, experts=Place.RESIDENT))
            if is_pair:
                return (
                    f"One expert ({expert}) is on the accelerator at a time, swapped where the other "
                    f"takes over: with both there all the time it {otherwise}."
                )
            return (
                f"The transformer ({expert}) is on the accelerator only while it denoises: there all "
                f"the time it {otherwise}."
            )
        case _:
            otherwise = would(replace(placement, experts=Place.VISITING))
            window = gib(window_bytes(work, placement))
            return (
                f"The {'expert at work' if is_pair else 'transformer'} ({expert}) is streamed block "
                f"by block, {window} of it at once: whole it {otherwise}. Each of {work.forwards} "
                "forwards moves all of it over the bus, while the blocks before are at work."
            )


def _pinning(work: Work, placement: Placement, capacity: Capacity) -> Sequence[str]:
    if placement.experts is not Place.STREAMED:
        return ()
    if placement.is_pinned:
        blocks = gib(experts_bytes(work, placement) - around_blocks_bytes(work, placement))
        told = (
            f"What is streamed lies pinned in {blocks} of host memory, and so moves at full speed."
        )
        return (told,)
    pinned = demand(work, replace(placement, is_pinned=True)).host_needed
    told = (
        "What is streamed is not pinned in host memory, which makes it slower: pinned it would need "
        f"{gib(pinned)} of the {gib(capacity.host_bytes)} available."
    )
    return (told,)


def _loras(work: Work, placement: Placement) -> Sequence[str]:
    if not any(sizes := lora_bytes(work, placement)):
        return ()
    size = " and ".join(dict.fromkeys(map(gib, sizes)))
    match placement.experts:
        case Place.HOST:
            where = "is in host memory, too"
        case Place.RESIDENT:
            where = "stays on the accelerator with it"
        case _:
            where = "is on the accelerator while it denoises"
    return (f"What the LoRAs add to an expert ({size}) {where}.",)


def _text_encoder(work: Work, placement: Placement, would: _Would) -> str:
    size = gib(text_encoder_bytes(work, placement))
    match placement.text_encoder:
        case Place.RESIDENT:
            return f"The text encoder ({size}) stays on the accelerator."
        case Place.HOST:
            otherwise = would(replace(placement, text_encoder=Place.VISITING))
            return (
                f"The text encoder ({size}) works on the CPU, which takes longer: on the "
                f"accelerator it {otherwise}."
            )
        case _:
            otherwise = would(replace(placement, text_encoder=Place.RESIDENT))
            return (
                f"The text encoder ({size}) is on the accelerator only while it reads the prompts: "
                f"there all the time it {otherwise}."
            )


def _vae(work: Work, placement: Placement) -> str:
    size = gib(work.structure.vae.weight_bytes)
    if placement.vae is Place.RESIDENT:
        return f"The VAE ({size}, fp32) stays on the accelerator."
    return f"The VAE ({size}, fp32) is on the accelerator only while it works."


def _decoding(
    work: Work, placement: Placement, needs: Demand, available: int, would: _Would
) -> str:
    if not placement.is_tiled:
        return f"Whole frames are decoded, four at a time, with {gib(needs.phases['decoding'])} in use."
    weights = work.structure.vae.weight_bytes
    activations = decoding_bytes(
        work.structure.vae, width=work.width, height=work.height, is_tiled=False
    )
    whole = weights + int((1 + SLACK) * activations) + CONTEXT_BYTES
    otherwise = would(replace(placement, is_tiled=False))
    if whole > available:
        otherwise = f"would need {gib(whole)} even by itself, where there is {gib(available)}"
    return (
        f"The VAE works on tiles of {TILE_SIDE} pixels, blended where they overlap, which is not "
        f"quite the same picture: for whole frames it {otherwise}."
    )


def _precision(work: Work, placement: Placement) -> str:
    if work.structure.quantised:
        return _quantised(work, placement)
    if placement.precision is Precision.FP8:
        return (
            f"{_named(work)}'{'' if work.structure.experts > 1 else 's'} large matrices are kept and multiplied "
            "in fp8, as was asked for, which changes the picture; all else is in bf16. The GPU must be of "
            f"compute capability {'.'.join(map(str, FP8_FROM))} or more: Ada, Hopper or later."
        )
    if placement.precision is Precision.INT8:
        return (
            f"{_named(work)} {_is(work)} kept in int8, which changes the picture a little: no placement of "
            "bf16 weights fits."
        )
    return f"{_named(work)} {_is(work)} kept in bf16, as in the authors' own code."


def _named(work: Work) -> str:
    return "The experts" if work.structure.experts > 1 else "The transformer"


def _is(work: Work) -> str:
    return "are" if work.structure.experts > 1 else "is"


def _quantised(work: Work, placement: Placement) -> str:
    kinds = sorted({own.types[0] for own in work.structure.quantised})
    workspace = work.structure.workspace_bytes(placement.precision)
    return (
        f"The weights stay as their GGUF files have them ({' and '.join(kinds)}), which changes the picture: "
        f"each layer undoes its own as it works, in up to {gib(workspace)}; sums are made in "
        f"{placement.precision}."
    )


def _accelerator(needs: Demand, available: int) -> str:
    phase = max(needs.phases, key=lambda phase: needs.phases[phase])
    return (
        f"The accelerator holds {gib(needs.accelerator_bytes)} at the peak, during {phase}; with "
        f"{SLACK:.0%} more for the activations and {gib(CONTEXT_BYTES)} for the driver, "
        f"{gib(needs.accelerator_needed)} of {gib(available)} must be free."
    )


def _host(work: Work, needs: Demand, capacity: Capacity) -> str:
    told = (
        f"The process takes {gib(needs.host_bytes)} of host memory and needs "
        f"{gib(needs.host_needed)} of the {gib(capacity.host_bytes)} available"
    )
    if not work.stored_as:
        return f"{told}, with weights that are stored as they are used."
    converted = sorted(name for name in work.stored_as if is_converted(work, name))
    if converted:
        return f"{told}: {', '.join(converted)} are stored in another precision, and converted."
    return f"{told}: the files are mapped, not copied."


def _would(
    work: Work, placement: Placement, *, capacity: Capacity, heeded: Sequence[Overflow]
) -> str:
    """Why not so, which would be better: the predicate of a sentence."""
    needs, available = demand(work, placement), capacity.accelerator_bytes or 0
    if needs.accelerator_needed > available:
        return f"would need {gib(needs.accelerator_needed)}, where there is {gib(available)}"
    if needs.host_needed > capacity.host_bytes:
        return f"would need {gib(needs.host_needed)} of host memory"
    if any(it.needed(needs, is_tiled=placement.is_tiled) > available for it in heeded):
        return "would need about as much as a run that found no room, or more"
    return "took more than there is, when that was measured"
