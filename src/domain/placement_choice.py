"""Which placement to use: the fastest that fits, those that keep the picture exact before all others.

ADR-0016.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, product
from typing import Final

from domain.demand import Demand, Work, demand
from domain.hardware import Capacity
from domain.overflow import Overflow
from domain.placement import ALL_ON_CPU, Place, Placement
from domain.run_record import (
    PastRun,
    median_accelerator_bytes,
    median_host_bytes,
    placed_as,
)
from domain.structure import Precision

#: Where parts can lie that work on the accelerator.
_THERE: Final = (Place.RESIDENT, Place.VISITING)
_EXPERTS: Final = (
    (Place.RESIDENT, False),
    (Place.VISITING, False),
    (Place.STREAMED, True),
    (Place.STREAMED, False),
)
#: By precision, and in it what is better avoided, the worst first: another picture by tiles; then a text encoder
#: on the CPU, at a hundredth of an accelerator's speed. One of a later group is used only where none of the
#: earlier fits.
_GROUPS: Final = {
    precision: tuple(
        tuple(
            Placement(
                experts=experts,
                text_encoder=text_encoder,
                vae=vae,
                precision=precision,
                is_tiled=is_tiled,
                is_pinned=is_pinned,
            )
            for (experts, is_pinned), text_encoder, vae in product(_EXPERTS, encoder_places, _THERE)
        )
        for is_tiled, encoder_places in product((False, True), (_THERE, (Place.HOST,)))
    )
    for precision in (Precision.BF16, Precision.INT8, Precision.FP8)
}
_CPU_GROUPS: Final = ((ALL_ON_CPU,), (replace(ALL_ON_CPU, is_tiled=True),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A placement and what it takes."""

    placement: Placement
    needs: Demand


def choose(
    work: Work,
    capacity: Capacity,
    history: Sequence[PastRun] = (),
    overflows: Sequence[Overflow] = (),
) -> Choice | None:
    """The best that fits; None where nothing does.

    Args:
        history: runs of the same kind, newest first; where one was placed the same way, what it
            took counts, and not what the formulas say.
        overflows: runs of the same kind that found no room: what needs about as much as they, does not fit.
    """
    for placements in _groups(work, capacity):
        fitting = [it for it in placements if _fits(_needs(work, it, history, overflows), capacity)]
        if fitting:
            choices = (Choice(placement=it, needs=_needs(work, it, history)) for it in fitting)
            return min(choices, key=_cost)
    return None


def nearest(work: Work, capacity: Capacity, overflows: Sequence[Overflow] = ()) -> Demand:
    """What the placement takes that lacks the least. `overflows`: as for `choose`."""

    def lacking(needs: Demand) -> int:
        accelerator = needs.accelerator_needed - (capacity.accelerator_bytes or 0)
        return max(accelerator, 0) + max(needs.host_needed - capacity.host_bytes, 0)

    placements = chain.from_iterable(_groups(work, capacity))
    return min((_needs(work, it, (), overflows) for it in placements), key=lacking)


def _groups(work: Work, capacity: Capacity) -> Sequence[Sequence[Placement]]:
    asked = work.precision
    if capacity.accelerator_bytes is None:
        return [
            [replace(placement, precision=asked or placement.precision) for placement in group]
            for group in _CPU_GROUPS
        ]
    if asked is not None:
        return _GROUPS[asked]
    # Another picture by int8 is worse than one by tiles; what a GGUF file keeps quantised is not quantised again.
    lossy = () if work.structure.quantised else _GROUPS[Precision.INT8]
    return (*_GROUPS[Precision.BF16], *lossy)


def _needs(
    work: Work,
    placement: Placement,
    history: Sequence[PastRun],
    overflows: Sequence[Overflow] = (),
) -> Demand:
    """What the placement takes; with `overflows`, at least what these say has to be free for it."""
    runs = placed_as(placement, history)
    by_formula = demand(work, placement)
    needs = by_formula.corrected(
        accelerator_bytes=median_accelerator_bytes(runs), host_bytes=median_host_bytes(runs)
    )
    is_tiled = placement.is_tiled
    least = max((it.needed(by_formula, is_tiled=is_tiled) for it in overflows), default=0)
    return replace(needs, accelerator_needed=max(needs.accelerator_needed, least))


def _fits(needs: Demand, capacity: Capacity) -> bool:
    return (
        needs.accelerator_needed <= (capacity.accelerator_bytes or 0)
        and needs.host_needed <= capacity.host_bytes
    )


def _cost(choice: Choice) -> tuple[int, int, bool]:
    """Within a group: experts that cross the bus for each video, then all that does, then slowly."""
    is_slow = choice.placement.experts is Place.STREAMED and not choice.placement.is_pinned
    return choice.needs.expert_bus_bytes, choice.needs.bus_bytes, is_slow
