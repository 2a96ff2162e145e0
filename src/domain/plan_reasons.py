"""A plan in sentences: one for each choice, with the numbers that made it."""

from collections.abc import Sequence
from dataclasses import replace

from domain.activations import TILE_SIDE, decoding_bytes
from domain.demand import (
    CONTEXT_BYTES,
    GIB,
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
from domain.placement import Place, Placement
from domain.run_record import PastRun
from domain.structure import Precision


def gib(size: int) -> str:
    """Such as `26.7 GiB`."""
    return f"{size / GIB:.2f} GiB" if size < GIB else f"{size / GIB:.1f} GiB"


def reasons(work: Work, placement: Placement, needs: Demand, capacity: Capacity) -> tuple[str, ...]:
    """Why `placement`, for `work`, in that much memory."""
    loras = _loras(work, placement)
    if placement.is_on_cpu:
        return (_on_cpu(work, placement, needs, capacity), *loras)
    assert capacity.accelerator_bytes is not None, "placed on an accelerator"
    return (
        _experts(work, placement, capacity.accelerator_bytes),
        *_pinning(work, placement, capacity),
        *loras,
        _text_encoder(work, placement, capacity.accelerator_bytes),
        _vae(work, placement),
        _decoding(work, placement, needs, capacity.accelerator_bytes),
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


def _experts(work: Work, placement: Placement, available: int) -> str:
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
            would = _would_need(work, replace(placement, experts=Place.RESIDENT), available)
            if is_pair:
                return (
                    f"One expert ({expert}) is on the accelerator at a time, swapped where the other "
                    f"takes over: with both there all the time it {would}."
                )
            return (
                f"The transformer ({expert}) is on the accelerator only while it denoises: there all "
                f"the time it {would}."
            )
        case _:
            would = _would_need(work, replace(placement, experts=Place.VISITING), available)
            window = gib(window_bytes(work, placement))
            return (
                f"The {'expert at work' if is_pair else 'transformer'} ({expert}) is streamed block "
                f"by block, {window} of it at once: whole it {would}. Each of {work.forwards} "
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


def _text_encoder(work: Work, placement: Placement, available: int) -> str:
    size = gib(text_encoder_bytes(work, placement))
    match placement.text_encoder:
        case Place.RESIDENT:
            return f"The text encoder ({size}) stays on the accelerator."
        case Place.HOST:
            would = _would_need(work, replace(placement, text_encoder=Place.VISITING), available)
            return (
                f"The text encoder ({size}) works on the CPU, which takes longer: on the "
                f"accelerator it {would}."
            )
        case _:
            would = _would_need(work, replace(placement, text_encoder=Place.RESIDENT), available)
            return (
                f"The text encoder ({size}) is on the accelerator only while it reads the prompts: "
                f"there all the time it {would}."
            )


def _vae(work: Work, placement: Placement) -> str:
    size = gib(work.structure.vae.weight_bytes)
    if placement.vae is Place.RESIDENT:
        return f"The VAE ({size}, fp32) stays on the accelerator."
    return f"The VAE ({size}, fp32) is on the accelerator only while it works."


def _decoding(work: Work, placement: Placement, needs: Demand, available: int) -> str:
    if not placement.is_tiled:
        return f"Whole frames are decoded, four at a time, with {gib(needs.phases['decoding'])} in use."
    weights = work.structure.vae.weight_bytes
    activations = decoding_bytes(
        work.structure.vae, width=work.width, height=work.height, is_tiled=False
    )
    whole = weights + int((1 + SLACK) * activations) + CONTEXT_BYTES
    return (
        f"The VAE works on tiles of {TILE_SIDE} pixels, blended where they overlap, which is not "
        f"quite the same picture: for whole frames it would need {gib(whole)} even by itself, where "
        f"there is {gib(available)}."
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


def _would_need(work: Work, placement: Placement, available: int) -> str:
    needs = demand(work, placement)
    if needs.accelerator_needed > available:
        return f"would need {gib(needs.accelerator_needed)}, where there is {gib(available)}"
    return f"would need {gib(needs.host_needed)} of host memory"
