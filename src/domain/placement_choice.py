"""Which placement to use: the fastest that fits, those that keep the picture exact before all others.

ADR-0016.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

from domain.demand import Demand, Work, demand
from domain.hardware import Capacity
from domain.placement import ALL_ON_CPU, Place, Placement
from domain.run_record import (
    PastRun,
    median_accelerator_bytes,
    median_host_bytes,
    placed_as,
)
from domain.structure import Precision

_PLACEMENTS: Final = tuple(
    Placement(
        experts=experts,
        text_encoder=text_encoder,
        vae=vae,
        precision=precision,
        is_tiled=is_tiled,
        is_pinned=is_pinned,
    )
    for precision, is_tiled, (experts, is_pinned), text_encoder, vae in product(
        (Precision.BF16, Precision.FP8),
        (False, True),
        (
            (Place.RESIDENT, False),
            (Place.VISITING, False),
            (Place.STREAMED, True),
            (Place.STREAMED, False),
        ),
        (Place.RESIDENT, Place.VISITING, Place.HOST),
        (Place.RESIDENT, Place.VISITING),
    )
)
_CPU_PLACEMENTS: Final = (ALL_ON_CPU, replace(ALL_ON_CPU, is_tiled=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A placement and what it takes."""

    placement: Placement
    needs: Demand


def choose(work: Work, capacity: Capacity, history: Sequence[PastRun] = ()) -> Choice | None:
    """The best that fits; None where nothing does.

    Args:
        history: runs of the same kind, newest first; where one was placed the same way, what it
            took counts, and not what the formulas say.
    """
    fitting = [
        choice for choice in _choices(work, capacity, history) if _fits(choice.needs, capacity)
    ]
    return min(fitting, key=_cost, default=None)


def nearest(work: Work, capacity: Capacity) -> Demand:
    """What the placement takes that lacks the least."""

    def lacking(needs: Demand) -> int:
        accelerator = needs.accelerator_needed - (capacity.accelerator_bytes or 0)
        return max(accelerator, 0) + max(needs.host_needed - capacity.host_bytes, 0)

    return min((choice.needs for choice in _choices(work, capacity, ())), key=lacking)


def _choices(work: Work, capacity: Capacity, history: Sequence[PastRun]) -> list[Choice]:
    placements = _CPU_PLACEMENTS if capacity.accelerator_bytes is None else _PLACEMENTS
    return [Choice(placement=p, needs=_needs(work, p, history)) for p in placements]


def _needs(work: Work, placement: Placement, history: Sequence[PastRun]) -> Demand:
    runs = placed_as(placement, history)
    return demand(work, placement).corrected(
        accelerator_bytes=median_accelerator_bytes(runs), host_bytes=median_host_bytes(runs)
    )


def _fits(needs: Demand, capacity: Capacity) -> bool:
    return (
        needs.accelerator_needed <= (capacity.accelerator_bytes or 0)
        and needs.host_needed <= capacity.host_bytes
    )


def _cost(choice: Choice) -> tuple[bool, bool, bool, int, int, bool]:
    """What is better avoided, the worst first.

    Another picture; then a text encoder on the CPU, at a hundredth of an accelerator's speed; then
    experts that cross the bus, and other weights, for each video; then crossing it slowly.
    """
    placement = choice.placement
    return (
        placement.precision is Precision.FP8,
        placement.is_tiled,
        placement.text_encoder is Place.HOST and not placement.is_on_cpu,
        choice.needs.expert_bus_bytes,
        choice.needs.bus_bytes,
        placement.experts is Place.STREAMED and not placement.is_pinned,
    )
