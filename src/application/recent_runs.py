"""What runs took, remembered for a moment: a flood of submissions reads it once."""

from collections.abc import Sequence
from typing import Final

from domain.ports.clock import Clock
from domain.ports.run_history import RunHistory
from domain.run_record import PastRun, RunRecord

#: Seconds after which a kind is read again: by then, a run that ended tells of the next one.
FRESH_S: Final = 5.0
#: Kinds that are remembered at once.
_MOST: Final = 200


class RecentRuns(RunHistory):
    """Another history, asked for each kind at most once in `FRESH_S` seconds."""

    def __init__(self, history: RunHistory, clock: Clock) -> None:
        self._history = history
        self._clock = clock
        self._known: dict[tuple[str, int], tuple[float, Sequence[PastRun]]] = {}

    async def of_kind(self, kind: str, *, limit: int = 20) -> Sequence[PastRun]:
        now = self._clock.monotonic()
        read_at, runs = self._known.get((kind, limit), (now - FRESH_S, ()))
        if now - read_at < FRESH_S:
            return runs
        runs = await self._history.of_kind(kind, limit=limit)
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[kind, limit] = now, runs
        return runs

    async def latest(self, *, limit: int = 50) -> Sequence[RunRecord]:
        return await self._history.latest(limit=limit)
