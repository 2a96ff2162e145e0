"""What a machine has and how it is doing, at one moment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """One GPU; a reading its driver does not give is None."""

    index: int
    name: str
    total_bytes: int
    used_bytes: int
    load_percent: int | None
    temperature_c: int | None
    power_w: float | None

    @property
    def free_bytes(self) -> int:
        return self.total_bytes - self.used_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The machine around the accelerators. `available_bytes`: memory a new process can have."""

    cpu_count: int
    load_percent: float
    total_bytes: int
    available_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """The memory that one video may use. `accelerator_bytes`: None where there is no accelerator."""

    accelerator_bytes: int | None
    host_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """One reading. No accelerators is normal: `note` says why there are none."""

    host: Host
    accelerators: tuple[Accelerator, ...]
    note: str | None = None

    @property
    def capacity(self) -> Capacity:
        """What is free now, on the accelerator that has the least: a job may come to any of them."""
        free = [accelerator.free_bytes for accelerator in self.accelerators]
        return Capacity(
            accelerator_bytes=min(free, default=None), host_bytes=self.host.available_bytes
        )
