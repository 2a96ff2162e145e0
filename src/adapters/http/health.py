"""Whether the server lives, and whether it is ready: for supervisors and load balancers."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Literal, TypeAlias

from litestar import get
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import SkipValidation
from msgspec import Struct

from adapters.http.access import PUBLIC
from adapters.http.private_paths import without_paths
from adapters.http.problems import refusals
from domain.access import Scope

#: Looks at each thing the server needs: its name, and what is wrong with it, None where nothing is.
Readiness: TypeAlias = Callable[[], Awaitable[Mapping[str, str | None]]]

#: The same of each slot; knows without looking.
GpuReadiness: TypeAlias = Callable[[], Mapping[str, str | None]]


class Alive(Struct, frozen=True):
    """The event loop answers."""

    status: Literal["alive"] = "alive"


class Started(Struct, frozen=True):
    """The database is up to date, and what a former server left is taken up."""

    status: Literal["started"] = "started"


class Ready(Struct, frozen=True):
    """Everything that was checked is fine.

    Attributes:
        checks: each by its name.
    """

    checks: Mapping[str, Literal["ok"]]
    status: Literal["ready"] = "ready"


@get("/livez", scope=PUBLIC, sync_to_thread=False, tags=["Operations"], responses=refusals())
def livez() -> Alive:
    """Whether the server answers at all; touches nothing."""
    return Alive()


@get("/startupz", scope=PUBLIC, sync_to_thread=False, tags=["Operations"], responses=refusals())
def startupz() -> Started:
    """Whether migration and recovery are done: both come before the first answer to anything."""
    return Started()


@get("/readyz", scope=Scope.READ, tags=["Operations"], responses=refusals(503))
async def readyz(readiness: SkipValidation[NamedDependency[Readiness]]) -> Ready:
    """Whether the server can take and keep generations, check by check."""
    return _verdict(await readiness())


@get(
    "/readyz/gpu",
    scope=Scope.READ,
    sync_to_thread=False,
    tags=["Operations"],
    responses=refusals(503),
)
def readyz_gpu(gpu_readiness: SkipValidation[NamedDependency[GpuReadiness]]) -> Ready:
    """Whether a generation can be started in any slot, accelerator or not.

    Where none can, generations are still taken and kept: `/readyz` is what a load balancer asks.
    """
    checks = gpu_readiness()
    well = {name: problem for name, problem in checks.items() if problem is None}
    return _verdict(well or checks)


def _verdict(checks: Mapping[str, str | None]) -> Ready:
    problems = {
        name: without_paths(problem) for name, problem in checks.items() if problem is not None
    }
    if problems:
        raise HTTPException(
            status_code=HTTPStatus.SERVICE_UNAVAILABLE,
            detail=f"Not ready: {', '.join(problems)}.",
            extra=[{"key": name, "message": problem} for name, problem in problems.items()],
        )
    return Ready(checks=dict.fromkeys(checks, "ok"))
