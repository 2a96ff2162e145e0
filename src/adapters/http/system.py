"""The machine's routes: what it has, how it is and was, who works on it, and which versions run."""

import asyncio
import platform
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from http import HTTPStatus
from importlib import metadata
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import ServerSentEventMessage
from msgspec import Struct

from adapters.http import streams
from adapters.http.private_paths import optional_without_paths
from adapters.http.problems import refusals
from adapters.http.representations import shown_slots
from adapters.http.streams import HEARTBEAT, MAX_EVENT, ToldEvent, event_stream, told_as
from application.queries import Queries, SlotState
from application.watch_machine import HISTORY_S, WatchMachine
from domain.access import Scope
from domain.hardware import Hardware, Sample

#: Named, not imported: the server never loads what only workers need.
_LIBRARIES: Final = ("torch", "diffusers", "transformers", "av", "litestar")
#: Seconds of history that are told where nobody says how many.
_DEFAULT_S: Final = 600


class System(Struct, frozen=True, kw_only=True):
    """The machine and who works on it.

    Attributes:
        versions: of each library that matters; null for one that is not installed.
        at: when the machine was looked at, by its wall clock.
        hardware: null where the machine could not be read; `problem` then says why.
        free_disk_bytes: on the disk of the data directory.
        slots: the places where generations run.
    """

    versions: Mapping[str, str | None]
    at: datetime
    hardware: Hardware | None
    free_disk_bytes: int | None
    problem: str | None
    slots: Sequence[SlotState]


class AcceleratorReading(Struct, frozen=True, kw_only=True):
    """What changes of an accelerator; null where its driver does not tell.

    Attributes:
        index: as the driver counts them, from 0.
    """

    index: int
    used_bytes: int
    load_percent: int | None
    temperature_c: int | None
    power_w: float | None


class MachineSample(Struct, frozen=True, kw_only=True):
    """What changes of a machine, at one moment; all null where it could not be read.

    Attributes:
        number: rises by one from sample to sample; begins anew when the server does.
        at: when it was taken, by the machine's wall clock.
        accelerators: each by its index.
        host_load_percent: 0 to 100, of all processors.
        host_available_bytes: memory that a new process can have.
        free_disk_bytes: on the disk of the data directory.
        note: why an accelerator, or all of them, are missing.
    """

    number: int
    at: datetime
    accelerators: Sequence[AcceleratorReading] | None
    host_load_percent: float | None
    host_available_bytes: int | None
    free_disk_bytes: int | None
    note: str | None
    problem: str | None


class SystemHistory(Struct, frozen=True, kw_only=True):
    """Samples, oldest first; they begin anew when the server does.

    Attributes:
        interval_s: seconds from one to the next.
    """

    interval_s: float
    data: Sequence[MachineSample]


class SystemEvent(ToldEvent, frozen=True, kw_only=True):
    """One server-sent event of the machine.

    Attributes:
        id: the sample's number, in digits.
        event: always the same.
        data: the sample, as JSON.
    """

    id: str
    event: Literal["sample"]
    data: MachineSample


@get("/", scope=Scope.READ, sync_to_thread=False, responses=refusals())
def get_system(
    machine: NamedDependency[WatchMachine],
    queries: NamedDependency[Queries],
    version: NamedDependency[str],
) -> System:
    """The machine as it was when it was last looked at, and the slots as they are now."""
    latest = machine.latest
    versions = {
        "wan-studio": version,
        "python": platform.python_version(),
        **{library: _version(library) for library in _LIBRARIES},
    }
    return System(
        versions=versions,
        at=latest.at,
        hardware=latest.hardware,
        free_disk_bytes=latest.free_disk_bytes,
        problem=optional_without_paths(latest.problem),
        slots=shown_slots(queries.slots()),
    )


@get("/history", scope=Scope.READ, sync_to_thread=False, responses=refusals())
def get_history(
    machine: NamedDependency[WatchMachine],
    seconds: Annotated[
        int, QueryParameter(ge=1, le=int(HISTORY_S), description="How far back.")
    ] = _DEFAULT_S,
) -> SystemHistory:
    """How the machine was: memory, load, temperature and power, over the last hour at most."""
    samples = machine.history(seconds=seconds)
    return SystemHistory(interval_s=machine.interval_s, data=[_shown(sample) for sample in samples])


@get(
    "/events",
    media_type=streams.MEDIA_TYPE,
    scope=Scope.READ,
    sync_to_thread=False,
    responses={HTTPStatus.OK: told_as(SystemEvent), **refusals()},
)
def follow_system(
    machine: NamedDependency[WatchMachine],
    stopping: NamedDependency[asyncio.Event],
    last_event_id: Annotated[
        int | None,
        HeaderParameter(
            name="Last-Event-ID", ge=0, le=MAX_EVENT, description="Only later samples than that."
        ),
    ] = None,
) -> Response[Any]:
    """Every sample of the machine as it is taken, from the newest on; `Last-Event-ID` resumes.

    An id that this server has not come to is an earlier server's: the newest sample comes first, then.
    """
    return event_stream(_messages(machine.follow(after=last_event_id)), stopping)


async def _messages(
    samples: AsyncIterator[Sample | None],
) -> AsyncGenerator[ServerSentEventMessage, None]:
    async for sample in samples:
        if sample is None:
            yield HEARTBEAT
        else:
            data = msgspec.json.encode(_shown(sample))
            yield ServerSentEventMessage(id=sample.number, event="sample", data=data)


def _shown(sample: Sample) -> MachineSample:
    hardware = sample.hardware
    return MachineSample(
        number=sample.number,
        at=sample.at,
        accelerators=[
            AcceleratorReading(
                index=accelerator.index,
                used_bytes=accelerator.used_bytes,
                load_percent=accelerator.load_percent,
                temperature_c=accelerator.temperature_c,
                power_w=accelerator.power_w,
            )
            for accelerator in hardware.accelerators
        ]
        if hardware
        else None,
        host_load_percent=hardware.host.load_percent if hardware else None,
        host_available_bytes=hardware.host.available_bytes if hardware else None,
        free_disk_bytes=sample.free_disk_bytes,
        note=hardware.note if hardware else None,
        problem=optional_without_paths(sample.problem),
    )


@cache
def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def system_router() -> Router:
    """The routes under `/api/v1/system`."""
    return Router(
        "/api/v1/system", route_handlers=[get_system, get_history, follow_system], tags=["System"]
    )
