"""How the service is doing at one moment, as whoever watches over it needs to know."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotCondition:
    """One slot.

    Attributes:
        is_up: whether jobs are started there.
        silence_s: seconds since its job last reported anything; None where it has none.
        fenced_out: reports that came too late, since the start.
    """

    number: int
    is_up: bool
    silence_s: float | None
    fenced_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceleratorMemory:
    """Bytes of one accelerator. `index`: the driver's."""

    index: int
    used_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """All of it.

    Attributes:
        oldest_waiting_s: seconds since the oldest of those that wait was asked for; None where none does.
        holds: by its reason, whether nothing is started for it.
        free_disk_bytes: None where the machine does not answer.
        journal_bytes: of what the database has not yet copied into its file.
        webhooks_waiting: messages that are still to be delivered.
    """

    waiting: int
    oldest_waiting_s: float | None
    slots: Sequence[SlotCondition]
    holds: dict[str, bool]
    free_disk_bytes: int | None
    accelerators: Sequence[AcceleratorMemory]
    journal_bytes: int
    webhooks_waiting: int
