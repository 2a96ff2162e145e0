"""Look at the machine every few seconds, remember the last hour, and hold back what is too hot."""

import asyncio
import logging
import math
import threading
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

from domain.hardware import Hardware, Sample
from domain.heat import Heat
from domain.ports.clock import Clock
from domain.ports.hardware_probe import HardwareProbe

_log = logging.getLogger(__name__)

#: Seconds of samples that are remembered; see ADR-0026.
HISTORY_S: Final = 3600.0
#: Seconds a reading may take, where the driver hangs, before the sample says so.
PATIENCE_S: Final = 10.0

#: What was read, and the free bytes of the disk; or why that failed.
_Reading: TypeAlias = tuple[Hardware, int] | str


class WatchMachine:
    """The only one that asks the driver while the server serves: everybody else asks for the samples."""

    def __init__(
        self, probe: HardwareProbe, clock: Clock, interval_s: float, heats: Sequence[Heat] = ()
    ) -> None:
        """Looks once. Takes the accelerators to hold back in `heats`."""
        self.interval_s = interval_s
        self._probe = probe
        self._clock = clock
        self._heats = heats
        self._samples: deque[Sample] = deque(maxlen=math.ceil(HISTORY_S / interval_s))
        self._read = probe.read()
        self._told: str | None = None
        self._news = asyncio.Event()
        self._keep((self._read, probe.free_disk_bytes()))

    async def run(self) -> None:
        """Look again and again until cancelled, whatever the probe does."""
        while True:
            await asyncio.sleep(self.interval_s)
            await self.look()

    async def look(self) -> None:
        """Take a sample; while there is no answer, take one every `PATIENCE_S` seconds that says so."""
        reading = self._begin_reading()
        began_s = self._clock.monotonic()
        while not reading.done():
            await asyncio.wait({reading}, timeout=PATIENCE_S)
            if not reading.done():
                waited_s = self._clock.monotonic() - began_s
                self._keep(f"The machine has not answered for {waited_s:.0f} s.")
        self._keep(reading.result())

    @property
    def latest(self) -> Sample:
        """The newest sample."""
        return self._samples[-1]

    def present(self) -> Hardware:
        """The machine as it was when it last answered."""
        return self._read

    def history(self, *, seconds: float) -> Sequence[Sample]:
        """The samples of the last so many seconds, oldest first."""
        since_s = self._clock.monotonic() - seconds
        return [sample for sample in tuple(self._samples) if sample.taken_s >= since_s]

    async def follow(
        self, *, after: int | None = None, heartbeat_s: float = 15.0
    ) -> AsyncIterator[Sample | None]:
        """Samples above `after` as they come, without end.

        From the newest on where that is None, or a number that this server has not come to: another
        server gave it.

        Yields:
            Samples, and None after every `heartbeat_s` seconds of silence.
        """
        newest = self.latest.number
        seen = newest - 1 if after is None or after > newest else after
        while True:
            while fresh := [sample for sample in self._samples if sample.number > seen]:
                for sample in fresh:
                    yield sample
                    seen = sample.number
            try:
                async with asyncio.timeout(heartbeat_s):
                    await self._news.wait()
            except TimeoutError:
                yield None

    def _begin_reading(self) -> "asyncio.Future[_Reading]":
        """Read on a thread that may hang for ever: it is waited for by nobody when the server ends."""
        loop = asyncio.get_running_loop()
        reading: asyncio.Future[_Reading] = loop.create_future()

        def read() -> None:
            told = self._try_to_read()
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(_give, reading, told)

        threading.Thread(target=read, name="machine", daemon=True).start()
        return reading

    def _try_to_read(self) -> _Reading:
        try:
            return self._probe.read(), self._probe.free_disk_bytes()
        except Exception as error:  # noqa: BLE001 - a boundary: no fault of a driver may end the watch
            if self._told is None:
                _log.exception("the machine cannot be read")
            return f"The machine cannot be read: {type(error).__name__}: {error}"

    def _keep(self, told: _Reading) -> None:
        now = self._clock.monotonic()
        problem = told if isinstance(told, str) else None
        hardware, free_disk_bytes = (None, None) if isinstance(told, str) else told
        self._read = hardware or self._read
        self._samples.append(
            Sample(
                number=self.latest.number + 1 if self._samples else 1,
                at=self._clock.now(),
                taken_s=now,
                hardware=hardware,
                free_disk_bytes=free_disk_bytes,
                problem=problem,
            )
        )
        self._tell(problem)
        for heat in self._heats:
            by_index = hardware.accelerator(str(heat.index)) if hardware else None
            if told_of_heat := heat.note(by_index, now=now):
                _log.warning(told_of_heat)
        self._news.set()
        self._news = asyncio.Event()

    def _tell(self, problem: str | None) -> None:
        """Log where the machine begins or ends to keep silent; not with every sample in between."""
        if (problem is None) != (self._told is None):
            _log.warning(problem or "the machine can be read again")
        self._told = problem


def _give(reading: "asyncio.Future[_Reading]", told: _Reading) -> None:
    if not reading.done():  # cancelled, where the server ended
        reading.set_result(told)
