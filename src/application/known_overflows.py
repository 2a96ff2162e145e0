"""Which runs found no room on the accelerator, for the plans of those that come after (ADR-0059)."""

from collections.abc import Sequence
from typing import Final

from domain.overflow import Overflow
from domain.ports.clock import Clock

#: Seconds for which one counts. Another program may have held the memory: for ever would be too long.
REMEMBERED_S: Final = 24 * 3600.0
#: How many are remembered of one kind, the newest, and of how many kinds.
_MOST: Final = 20
_MOST_KINDS: Final = 1000


class KnownOverflows:
    """By kind, as `domain.run_record.run_kind` spells it; forgotten with the process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, list[tuple[float, Overflow]]] = {}

    def note(self, kind: str, overflow: Overflow) -> None:
        """A run of that kind found no room."""
        if len(self._known) >= _MOST_KINDS:
            self._known.clear()
        known = self._known.setdefault(kind, [])
        known.append((self._clock.monotonic(), overflow))
        del known[:-_MOST]

    def forget(self, kind: str) -> None:
        """Begin anew with that kind."""
        self._known.pop(kind, None)

    def of_kind(self, kind: str) -> Sequence[Overflow]:
        """Those that still count, oldest first."""
        since = self._clock.monotonic() - REMEMBERED_S
        return tuple(overflow for at, overflow in self._known.get(kind, ()) if at > since)
