"""What a machine has and how it is doing, at one moment."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

#: The compute capability of the first cards that multiply in fp8. Source: `_scaled_mm_allowed_device` of torch.
FP8_FROM: Final = (8, 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """One GPU; a reading its driver does not give is None.

    Attributes:
        index: as the driver counts them, from 0.
        slowdown_c: the temperature at which it slows itself down.
        uuid: what its driver calls it, whichever slot it is in.
        compute_capability: of its generation, such as (9, 0) of Hopper.
    """

    index: int
    name: str
    total_bytes: int
    used_bytes: int
    load_percent: int | None
    temperature_c: int | None
    power_w: float | None
    slowdown_c: int | None = None
    uuid: str | None = None
    compute_capability: tuple[int, int] | None = None

    @property
    def free_bytes(self) -> int:
        return self.total_bytes - self.used_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The machine around the accelerators.

    Attributes:
        cpu_count: processors.
        available_bytes: memory a new process can have.
    """

    cpu_count: int
    load_percent: float
    total_bytes: int
    available_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What one video may use: memory, above all.

    Attributes:
        accelerator_bytes: None where there is no accelerator.
        host_bytes: of the machine's own memory.
        compute_capability: of the accelerator's generation; None where it is not known, or there is none.
    """

    accelerator_bytes: int | None
    host_bytes: int
    compute_capability: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """One reading.

    Attributes:
        host: the machine around the accelerators.
        accelerators: none is normal.
        note: why there are none; None where there are some.
    """

    host: Host
    accelerators: tuple[Accelerator, ...]
    note: str | None = None

    def accelerator(self, place: str) -> Accelerator | None:
        """The one that `CUDA_VISIBLE_DEVICES` means by `place`: an index, or how its UUID begins."""
        for accelerator in self.accelerators:
            if place == str(accelerator.index):
                return accelerator
            if place.startswith("GPU-") and (accelerator.uuid or "").startswith(place):
                return accelerator
        return None

    def capacity_for(self, workers: Sequence[str | None]) -> Capacity:
        """What one of `workers` may use while all of them work: a job may come to any.

        Of an accelerator, and of the host, each that shares it has an equal part. The accelerator is the one
        that leaves least.

        Args:
            workers: at least one; of each the accelerator, as `CUDA_VISIBLE_DEVICES` names it, or None where
                it has none. One that is named and not found here, such as a part of one (MIG), may be any.
        """
        named = [self._meant(place) for place in workers if place is not None]
        shares = Counter(accelerator.index for among in named for accelerator in among)
        used = [it for it in self.accelerators if it.index in shares]
        return Capacity(
            accelerator_bytes=min((it.free_bytes // shares[it.index] for it in used), default=None),
            host_bytes=self.host.available_bytes // len(workers),
            compute_capability=_oldest(used),
        )

    def _meant(self, place: str) -> Sequence[Accelerator]:
        found = self.accelerator(place)
        return self.accelerators if found is None else (found,)


def _oldest(accelerators: Iterable[Accelerator]) -> tuple[int, int] | None:
    told = [it.compute_capability for it in accelerators if it.compute_capability is not None]
    return min(told, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One reading of a series.

    Attributes:
        number: rises by one from sample to sample, and begins anew with each server.
        at: by the wall clock, which may be set; only shown.
        taken_s: by a clock that never falls; comparable within one server.
        hardware: None where the machine could not be read; `problem` then says why.
        free_disk_bytes: on the disk of the data directory; None likewise.
    """

    number: int
    at: datetime
    taken_s: float
    hardware: Hardware | None
    free_disk_bytes: int | None
    problem: str | None = None
