"""What a job tries next once the accelerator's memory was full: the one table of it (ADR-0059).

| full while | its pictures are decoded | next attempt |
|---|---|---|
| decoding | whole | decodes in tiles |
| decoding | in tiles | decodes in tiles on the CPU |
| anything else | | has a plan that needs less there, in the same precision |

Where nothing is left, the job fails with what would fit.
"""

from dataclasses import dataclass
from typing import Final

from domain.memory_plan import MemoryPlan
from domain.progress import Stage

#: The rungs, of which a recipe tells: how the pictures are decoded. What is denoised is that of any rung.
WHOLE, IN_TILES, ON_CPU = range(3)

_TOLD_OF_RUNG: Final = {
    IN_TILES: "the pictures are decoded in tiles now.",
    ON_CPU: "the pictures are decoded on the CPU now, in tiles.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief:
    """How the next attempt gets by with less.

    Attributes:
        told: a sentence for people.
    """

    rung: int
    plan: MemoryPlan
    told: str


def told_of_rung(rung: int) -> str | None:
    """What is different on it; None where nothing is."""
    told = _TOLD_OF_RUNG.get(rung)
    return told and f"The accelerator's memory was full before: {told}"


def rung_of(plan: MemoryPlan, rung: int) -> int:
    """The rung that a job is on in fact: some plans are in tiles from the first."""
    is_tiled = plan.placement is not None and plan.placement.is_tiled
    return max(rung, IN_TILES) if is_tiled else rung


def relief_by_rung(stage: Stage | None, rung: int, plan: MemoryPlan) -> Relief | None:
    """The next rung, where that helps; None where only another plan does.

    Args:
        stage: in which the memory was full.
        rung: that the job is on.
    """
    present = rung_of(plan, rung)
    if stage is not Stage.DECODING or present == ON_CPU:
        return None
    told = f"The accelerator's memory was full while decoding: {_TOLD_OF_RUNG[present + 1]}"
    return Relief(rung=present + 1, plan=plan, told=told)


def relief_by_plan(stage: Stage, rung: int, former: MemoryPlan, plan: MemoryPlan) -> Relief:
    """`plan` in place of `former`."""
    is_tiled_anew = rung_of(plan, WHOLE) > rung_of(former, WHOLE)
    told = f"The accelerator's memory was full during {stage}: the parts are placed so that they need less of it now."
    return Relief(rung=max(rung, IN_TILES) if is_tiled_anew else rung, plan=plan, told=told)
