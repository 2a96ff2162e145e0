"""Read what happens to jobs as it is written down, from where the log stood when the server started."""

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import Final

from domain.errors import StorageError
from domain.job_event import JobEvent
from domain.ports.event_log import EventLog

_log = logging.getLogger(__name__)

#: Seconds between looks at a log that reported nothing new; reports come long before.
IDLE_POLL_S: Final = 15.0
#: Seconds before the next try where the log could not be read.
REST_S: Final = 5.0


class FollowLog(ABC):
    """Takes note of each event once. ADR-0041."""

    def __init__(self, event_log: EventLog) -> None:
        self._event_log = event_log
        self._seen = 0

    async def begin(self) -> None:
        """What happened before is not noted."""
        self._seen = await self._event_log.latest()

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                await self.catch_up()
                await self._event_log.wait(after=self._seen, timeout_s=IDLE_POLL_S)
            except StorageError as error:
                _log.error("cannot follow what happens", extra={"reason": error.message})
                await asyncio.sleep(REST_S)

    async def catch_up(self) -> None:
        """Note everything that has happened by now."""
        while events := await self._event_log.read(after=self._seen):
            for logged in events:
                await self._note(logged.event)
                self._seen = logged.number

    @abstractmethod
    async def _note(self, event: JobEvent) -> None:
        """It has happened."""
