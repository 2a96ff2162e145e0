"""The newest events, in memory: whoever follows along is told from here, and asks the database nothing."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from domain.ports.event_log import LoggedEvent

#: Events that are kept at least, where there were so many: minutes of a busy server, a few MB.
SIZE: Final = 2_000


@dataclass(frozen=True, slots=True)
class Told:
    """An event, and whose job's it is."""

    logged: LoggedEvent
    client: str

    def concerns(self, *, job_id: str | None, client: str | None) -> bool:
        """Whether it is of that job and that client, None being any."""
        is_of_job = job_id is None or job_id == self.logged.event.job_id
        return is_of_job and (client is None or client == self.client)


class EventTail:
    """Events without a gap, up to the newest there is. `latest`: the newest one's number, 0 for none."""

    def __init__(self) -> None:
        self.latest = 0
        self._begins_after = 0
        self._told: list[Told] = []
        self._numbers: list[int] = []

    def add(self, news: Sequence[Told]) -> None:
        """Take what came after `latest`, oldest first: all of it, or the newest `SIZE` of it."""
        if not news:
            return
        if len(news) >= SIZE:  # there may have been more
            self._told, self._numbers = [], []
            self._begins_after = news[0].logged.number - 1
        self._told += news
        self._numbers += [told.logged.number for told in news]
        self.latest = self._numbers[-1]
        if len(self._told) >= 2 * SIZE:
            self._begins_after = self._numbers[-SIZE - 1]
            del self._told[:-SIZE], self._numbers[:-SIZE]

    def above(self, number: int) -> Sequence[Told] | None:
        """All events above `number`, oldest first; None where some of them are not here any more."""
        if number < self._begins_after:
            return None
        return self._told[bisect_right(self._numbers, number) :]
