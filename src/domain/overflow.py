"""What an accelerator that was full teaches of the next run of the same kind (ADR-0059)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.demand import Demand
from domain.progress import Stage

#: So many times as much as there was is asked for the next time: what needs little less would find no room, either,
#: and a job is not to try every placement there is.
MARGIN: Final = 1.25
#: The phases of a plan that a stage goes through; while loading, whatever is largest.
_PHASES: Final[Mapping[Stage, tuple[str, ...]]] = {
    Stage.ENCODING_PROMPT: ("text encoding", "looks encoding", "image encoding"),
    Stage.DENOISING: ("denoising",),
    Stage.DECODING: ("decoding",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Overflow:
    """A run that found no room on the accelerator.

    Attributes:
        stage: in which it did not.
        planned_bytes: that its placement was to hold there in that stage.
        passed_bytes: that it was to hold at the peak of the stages before, for which there was room.
        available_bytes: that was known to be free.
    """

    stage: Stage
    planned_bytes: int
    passed_bytes: int
    available_bytes: int

    def needed(self, needs: Demand, *, is_tiled: bool) -> int:
        """Bytes that have to be free for `needs`, seen that this run needed more than there was.

        Nor may another stage hold more than this one was to, but for what had found room before it. Decoding in
        tiles may: where that finds none, the CPU decodes.
        """
        share = MARGIN * during(self.stage, needs) / self.planned_bytes
        most = max(
            during(stage, needs) for stage in _PHASES if not is_tiled or stage is not Stage.DECODING
        )
        share_of_room = most / max(self.planned_bytes, self.passed_bytes)
        return int(max(share, share_of_room) * self.available_bytes)


def overflow_of(stage: Stage, needs: Demand, *, available_bytes: int) -> Overflow:
    """What a run teaches that found the memory full in `stage`, and was planned to take `needs` there."""
    if not during(stage, needs):  # what lay there was for other stages
        stage = Stage.LOADING
    before = (during(other, needs) for other in _PHASES if other.order < stage.order)
    return Overflow(
        stage=stage,
        planned_bytes=during(stage, needs),
        passed_bytes=max(before, default=0),
        available_bytes=available_bytes,
    )


def during(stage: Stage, needs: Demand) -> int:
    """Bytes that are held on the accelerator at the peak of that stage; 0 on the CPU."""
    names = _PHASES.get(stage, tuple(needs.phases))
    return max((needs.phases.get(name, 0) for name in names), default=0)


def told_of_overflows(overflows: Sequence[Overflow]) -> Sequence[str]:
    """Why a plan is tighter than it had to be by its own numbers; nothing where there were none."""
    if not overflows:
        return ()
    stages = " and ".join(dict.fromkeys(str(overflow.stage) for overflow in overflows))
    told = (
        f"A run of this kind found the accelerator's memory full during {stages}: nothing is chosen that "
        "needs as much there."
    )
    return (told,)
