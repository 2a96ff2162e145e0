"""Where workers work: one on each accelerator; on a machine without one, on the processor, and a spare one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from application.known_capacity import KnownCapacity
from bootstrap.process_environment import usable_cores, visible_accelerators
from bootstrap.settings import Settings
from domain.hardware import Hardware
from domain.ports.hardware_probe import HardwareProbe


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one worker works.

    Attributes:
        named: what `CUDA_VISIBLE_DEVICES` is to be there; None where there is no accelerator.
        insisted: the accelerator that must be there. One that was seen must; one that was only named may
            have been meant for others.
        index: the driver's, of the accelerator; None where it was not seen.
        is_spare: whether it is for a second miniature beside what else runs.
    """

    named: str | None = None
    insisted: str = ""
    index: int | None = None
    is_spare: bool = False


#: Bytes of the host's memory that a worker takes for one video of a miniature, and those that must be free
#: for a second one to be worth it.
SPARE_BYTES: Final = 700 * 2**20
_ROOM_FOR_A_SPARE: Final = 4 * 2**30


def find_places(settings: Settings, hardware: HardwareProbe) -> Sequence[Place]:
    """One per worker, each with an accelerator of its own where there are enough."""
    seen = hardware.read()
    names = _names(seen)
    if settings.renderer == "inprocess":
        return [own_place(seen)]
    if not names:
        if settings.workers != "auto":
            return [Place()] * settings.workers
        return [
            Place(),
            *([Place(is_spare=True)] if _has_room_for_a_spare(settings, seen) else []),
        ]

    count = len(names) if settings.workers == "auto" else settings.workers
    return [_place(names[slot % len(names)], seen) for slot in range(count)]


def own_place(seen: Hardware) -> Place:
    """Where this very process renders: torch takes the first accelerator that it sees."""
    names = _names(seen)
    return _place(names[0], seen) if names else Place()


def capacity_in(places: Sequence[Place], present: Callable[[], Hardware]) -> KnownCapacity:
    """What a video may use in any of `places` while there is one in each.

    Args:
        present: how the machine is, told at once.
    """
    return KnownCapacity(
        present,
        [place.named for place in places if not place.is_spare],
        spare_bytes=sum(SPARE_BYTES for place in places if place.is_spare),
    )


def _names(seen: Hardware) -> Sequence[str]:
    return visible_accelerators([accelerator.index for accelerator in seen.accelerators])


def _place(name: str, seen: Hardware) -> Place:
    accelerator = seen.accelerator(name)
    return Place(
        named=name,
        insisted=name if seen.accelerators else "",
        index=accelerator.index if accelerator else None,
    )


def _has_room_for_a_spare(settings: Settings, seen: Hardware) -> bool:
    """Whether a second worker makes miniatures beside the first; a test card has no use for one (ADR-0050)."""
    return (
        settings.renderer == "subprocess"
        and settings.pipeline.backend == "diffusers"
        and usable_cores() > 1
        and seen.host.available_bytes >= _ROOM_FOR_A_SPARE
    )


def sharing(places: Sequence[Place]) -> int:
    """How many share the cores, where there is no accelerator: a spare one has a single thread."""
    return sum(not place.is_spare for place in places)
