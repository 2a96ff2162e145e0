"""Whether an accelerator is cool enough for the next job. What runs goes on: ADR-0026."""

from dataclasses import dataclass
from typing import Final

from domain.hardware import Accelerator

#: Degrees below the temperature at which the accelerator slows itself down. A card that regulates well
#: never comes so near: it is kept below by its fans, and by its clock.
MARGIN_C: Final = 3
#: Seconds for which a reading is believed; after them nothing is known.
BELIEVED_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatLimits:
    """When an accelerator is held back.

    Attributes:
        hold_c: from this temperature on; None for `MARGIN_C` below what its driver tells, and never
            where that tells nothing.
        cool_by_c: degrees that it must then fall, so that it is not held and freed in turn.
    """

    hold_c: int | None = None
    cool_by_c: int = 10

    def of(self, accelerator: Accelerator) -> int | None:
        """The temperature from which on it is held; None where there is no limit."""
        if self.hold_c is not None or accelerator.slowdown_c is None:
            return self.hold_c
        return accelerator.slowdown_c - MARGIN_C


class Heat:
    """One accelerator's temperature, followed from reading to reading.

    All times are seconds of a clock that never falls.
    """

    def __init__(self, index: int, limits: HeatLimits) -> None:
        """`index`: the accelerator's."""
        self.index = index
        self.problem: str | None = None
        self._limits = limits
        self._read_at = 0.0
        self._free_from_c = 0

    def is_held(self, *, now: float) -> bool:
        """Whether nothing may be started there. A hold lasts as long as its reading is believed."""
        return self.problem is not None and now - self._read_at < BELIEVED_S

    def note(self, accelerator: Accelerator | None, *, now: float) -> str | None:
        """A reading; None where there is none.

        Returns:
            A sentence for the operator where that changed something.
        """
        temperature = accelerator.temperature_c if accelerator else None
        if accelerator is None or temperature is None:
            return self._unknown(now)
        self._read_at = now
        if self.problem is not None:
            return self._held(accelerator, temperature)
        hold_c = self._limits.of(accelerator)
        if hold_c is None or temperature < hold_c:
            return None
        self._free_from_c = hold_c - self._limits.cool_by_c
        why = "thermal.hold_c"
        if self._limits.hold_c is None:
            why = f"it slows itself down at {accelerator.slowdown_c} °C"
        self.problem = (
            f"Accelerator {self.index} ({accelerator.name}) has {temperature} °C, and is held from "
            f"{hold_c} °C on ({why}). Nothing is started there until it has cooled to "
            f"{self._free_from_c} °C; what runs goes on. Look at its fans, its dust and the room's air."
        )
        return self.problem

    def _held(self, accelerator: Accelerator, temperature: int) -> str | None:
        if temperature > self._free_from_c:
            return None
        self.problem = None
        return (
            f"Accelerator {self.index} ({accelerator.name}) has cooled to {temperature} °C and is used "
            "again."
        )

    def _unknown(self, now: float) -> str | None:
        if self.problem is None or now - self._read_at < BELIEVED_S:
            return None
        self.problem = None
        return (
            f"Accelerator {self.index} was too hot, and has told no temperature for {BELIEVED_S:g} s: "
            "it is used again."
        )
