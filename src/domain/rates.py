"""How often somebody may ask: token buckets, one for each who asks.

A bucket holds twice what a minute allows and is refilled steadily, so that a burst is served at once and
the minutes after it pay for it.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

#: Bursts, in minutes' worth. reliability.md §5.
BURST: Final = 2
#: Buckets kept; beyond, whoever has been silent longest is forgotten. An address costs an attacker
#: more than the 200 bytes that remembering it costs us.
MAX_BUCKETS: Final = 10_000
_MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where somebody stands after asking once more.

    Attributes:
        is_allowed: whether that was not too often.
        limit: how many may be asked at once.
        remaining: how many of them may still be.
        wait_s: seconds until one more may be; 0 where one may be now.
        full_s: seconds until all of them may be.
    """

    is_allowed: bool
    limit: int
    remaining: int
    wait_s: int
    full_s: int


class Buckets:
    """A bucket for each who asks. Times are seconds of a clock that never falls."""

    def __init__(self, *, max_buckets: int = MAX_BUCKETS) -> None:
        self._max_buckets = max_buckets
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()  # who -> level, when

    def ask(self, who: str, *, per_minute: int, now: float, burst: int = BURST) -> Standing:
        """Take one from that bucket, if it holds one."""
        limit, per_s = per_minute * burst, per_minute / _MINUTE_S
        level, since = self._levels.pop(who, (float(limit), now))
        level = min(level + (now - since) * per_s, limit)
        is_allowed = level >= 1
        if is_allowed:
            level -= 1
        self._levels[who] = (level, now)
        if len(self._levels) > self._max_buckets:
            self._levels.popitem(last=False)
        return Standing(
            is_allowed=is_allowed,
            limit=limit,
            remaining=int(level),
            wait_s=0 if level >= 1 else math.ceil((1 - level) / per_s),
            full_s=math.ceil((limit - level) / per_s),
        )
