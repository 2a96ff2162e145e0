"""The machine's route: what it has, how it is doing, and which versions run on it."""

import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Final

from litestar import get
from litestar.di import NamedDependency
from msgspec import Struct

from adapters.http.problems import refusals
from domain.hardware import Hardware
from domain.ports.hardware_probe import HardwareProbe

#: Named, not imported: the server never loads what only workers need.
_LIBRARIES: Final = ("torch", "diffusers", "transformers", "av", "litestar")


class System(Struct, frozen=True, kw_only=True):
    """One reading. `versions`: null for a library that is not installed."""

    versions: Mapping[str, str | None]
    hardware: Hardware


@get("/api/v1/system", sync_to_thread=True, tags=["System"], responses=refusals())
def get_system(hardware: NamedDependency[HardwareProbe], version: NamedDependency[str]) -> System:
    """The machine as it is now."""
    versions = {
        "wan-studio": version,
        "python": platform.python_version(),
        **{library: _version(library) for library in _LIBRARIES},
    }
    return System(versions=versions, hardware=hardware.read())


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None
