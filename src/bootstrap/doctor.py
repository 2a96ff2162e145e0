"""What would keep Wan Studio from working on this machine, found before it does."""

import importlib.metadata
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from typing import Final, TypeAlias

from adapters.cli.doctor import Check
from adapters.filesystem.data_directory import DataDirectory
from bootstrap.core_container import CoreContainer
from bootstrap.settings import Settings
from domain.attention import Attention
from domain.errors import DataDirectoryUnusable
from domain.hardware import Accelerator
from domain.heat import Heat, HeatLimits

#: Tries every kernel for attention: why it cannot be used; None where it can.
KernelSurvey: TypeAlias = Callable[[], Mapping[Attention, str | None]]

#: Older versions have known ways to run code from files or to let a foreign Host in; see the
#: decision record on dependencies.
_FLOORS: Final = {"litestar": (2, 22), "torch": (2, 10), "transformers": (5, 3)}
#: The packages that kernels for attention come in; torch brings the others.
_KERNELS: Final = {
    Attention.FLASH: "flash_attn",
    Attention.FLASH_3: "flash_attn_interface",
    Attention.SAGE: "sageattention",
}
#: What traces are exported with.
_TELEMETRY: Final = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")
#: The WAL-reset bug is fixed from here; one writing connection, as ours, does not meet it.
_SQLITE_FLOOR: Final = (3, 51, 3)


def examine(settings: Settings, survey: KernelSurvey) -> Iterator[Check]:
    """Look at one thing after another; `survey` loads torch."""
    core = CoreContainer(settings=settings)
    yield Check(name="python", detail=sys.version.split()[0])
    for name, floor in _FLOORS.items():
        yield _library(name, floor)
    version = sqlite3.sqlite_version
    note = "" if sqlite3.sqlite_version_info >= _SQLITE_FLOOR else " (one writer only: safe here)"
    yield Check(name="sqlite", detail=version + note)
    hardware = core.hardware().read()
    yield _attention(survey, has_accelerator=bool(hardware.accelerators))
    gib = 2**30
    yield Check(
        name="host",
        detail=f"{hardware.host.cpu_count} CPUs, {hardware.host.available_bytes / gib:.1f} of "
        f"{hardware.host.total_bytes / gib:.1f} GiB memory available",
    )
    for accelerator in hardware.accelerators:
        yield _accelerator(accelerator, settings.heat_limits)
    if not hardware.accelerators:
        yield Check(name="gpu", detail=f"{hardware.note}: videos are made on the CPU")
    if settings.telemetry.endpoint:
        yield _telemetry(settings.telemetry.endpoint)
    yield _data_directory(core.data_directory())
    for entry in core.catalog().entries():
        if entry.local is not None:
            yield Check(name=entry.spec.id, detail=f"ready in {entry.local.folder}")
        elif (settings.models_dir / entry.spec.id).exists():
            yield Check(name=entry.spec.id, problem=entry.problem)


def _library(name: str, floor: tuple[int, ...]) -> Check:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Check(name=name, problem="is not installed; run the installation again")
    found = tuple(int(part) for part in version.split("+")[0].split(".")[:2] if part.isdigit())
    if found < floor:
        wanted = ".".join(map(str, floor))
        return Check(name=name, problem=f"is {version}; at least {wanted} is needed")
    return Check(name=name, detail=version)


def _accelerator(accelerator: Accelerator, limits: HeatLimits | None) -> Check:
    free, total = accelerator.free_bytes / 2**30, accelerator.total_bytes / 2**30
    detail = f"{accelerator.name}, {free:.1f} of {total:.1f} GiB free"
    if accelerator.temperature_c is not None:
        detail += f", {accelerator.temperature_c} °C"
    hold_c = limits.of(accelerator) if limits else None
    if hold_c is not None:
        detail += f" (held from {hold_c} °C on)"
    heat = Heat(accelerator.index, limits) if limits else None
    problem = heat.note(accelerator, now=0) if heat else None
    return Check(name=f"gpu {accelerator.index}", detail=detail, problem=problem)


def _attention(survey: KernelSurvey, *, has_accelerator: bool) -> Check:
    """Which kernels can be used; torch is loaded only where there may be another than its own."""
    missing = [kernel for kernel, name in _KERNELS.items() if find_spec(name) is None]
    told = [Attention.SDPA.value]
    if has_accelerator or len(missing) < len(_KERNELS):
        told = [
            f"{kernel} cannot be used: {problem}" if problem else kernel.value
            for kernel, problem in survey().items()
            if kernel not in missing
        ]
    absent = f"; not installed: {', '.join(missing)}" if missing else ""
    return Check(name="attention", detail="; ".join(told) + absent)


def _telemetry(endpoint: str) -> Check:
    missing = [name for name in _TELEMETRY if not _is_installed(name)]
    problem = (
        f"traces are to go to {endpoint}, and {missing[0]} is not installed: pip install 'wan-studio[otel]'"
        if missing
        else None
    )
    return Check(name="telemetry", detail=f"traces go to {endpoint}", problem=problem)


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _data_directory(directory: DataDirectory) -> Check:
    try:
        directory.check()
    except DataDirectoryUnusable as error:
        return Check(name="data directory", problem=error.message)
    data_dir = directory.root
    existing = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    free = shutil.disk_usage(existing).free / 2**30
    detail = f"{data_dir}, {free:.1f} GiB free"
    if free < 1:
        return Check(name="data directory", problem=f"{detail}: free some space")
    return Check(name="data directory", detail=detail)
