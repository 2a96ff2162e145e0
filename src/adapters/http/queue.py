"""The queue's routes: what waits, who works, and how an operator steers it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from litestar import Router, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta, Struct

from adapters.http.new_generation import MAX_PRIORITY
from adapters.http.private_paths import optional_without_paths
from adapters.http.problems import refusals
from adapters.http.representations import Generation, GenerationId, generation, shown_slots
from application.queries import Queries, QueueState, SlotState
from application.steer_queue import SteerQueue
from domain.access import Scope
from domain.errors import InvalidRequest, Violation

MAX_LINE: Final = 1000
#: The largest whole number that JSON is sure to carry.
MAX_POSITION: Final = 2**53 - 1


class Queue(Struct, frozen=True, kw_only=True):
    """The line and who works on it.

    Attributes:
        length: how many wait, everybody's.
        running: what is being made, as far as whoever asks may see it; so with `waiting`.
        waiting: the first of the line, in the order they will be started.
        paused_since: null where it is not paused.
        is_draining: whether the server is stopping.
        slots: the places where they run.
        problem: why nothing is started, besides pausing; null where nothing keeps it.
    """

    length: int
    running: Sequence[Generation]
    waiting: Sequence[Generation]
    paused_since: datetime | None
    is_draining: bool
    problem: str | None
    slots: Sequence[SlotState]


class Move(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another place in line. `position` wins over `priority`; one of them must be given."""

    priority: (
        Annotated[int, Meta(ge=-MAX_PRIORITY, le=MAX_PRIORITY, description="Higher runs earlier.")]
        | None
    ) = None
    position: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=MAX_POSITION,
                description="From 1, in the whole line. The generation takes the priority it needs there.",
            ),
        ]
        | None
    ) = None


@get("/", scope=Scope.READ, responses=refusals(503))
async def get_queue(
    queries: NamedDependency[Queries],
    limit: Annotated[
        int, QueryParameter(ge=1, le=MAX_LINE, description="How many of the waiting, at most.")
    ] = 200,
) -> Queue:
    """What runs, what waits and in which order, and what keeps it."""
    return _queue(await queries.queue(limit=limit))


@post("/pause", status_code=200, scope=Scope.ADMIN, responses=refusals(403, 503, 507))
async def pause_queue(
    steer: NamedDependency[SteerQueue], queries: NamedDependency[Queries]
) -> Queue:
    """Start nothing more, across restarts, until it is resumed. What runs goes on."""
    await steer.pause()
    return _queue(await queries.queue())


@post("/resume", status_code=200, scope=Scope.ADMIN, responses=refusals(403, 503, 507))
async def resume_queue(
    steer: NamedDependency[SteerQueue], queries: NamedDependency[Queries]
) -> Queue:
    """Go on, and trust slots again that were found unhealthy."""
    await steer.resume()
    return _queue(await queries.queue())


@patch(
    "/{generation_id:str}", scope=Scope.ADMIN, responses=refusals(403, 404, 409, 413, 415, 503, 507)
)
async def move_generation(
    data: JSONBody[Move], steer: NamedDependency[SteerQueue], generation_id: GenerationId
) -> Generation:
    """Give a waiting generation another priority or place in line."""
    if data.priority is None and data.position is None:
        raise InvalidRequest(
            [Violation(pointer="/position", reason="say where: give a position, or a priority")]
        )
    return generation(
        await steer.move(generation_id, priority=data.priority, position=data.position)
    )


def _queue(state: QueueState) -> Queue:
    return Queue(
        length=state.length,
        running=[generation(job) for job in state.running],
        waiting=[generation(job) for job in state.waiting],
        paused_since=state.paused_since,
        is_draining=state.is_draining,
        problem=optional_without_paths(state.problem),
        slots=shown_slots(state.slots),
    )


def queue_router() -> Router:
    """The routes under `/api/v1/queue`."""
    return Router(
        "/api/v1/queue",
        route_handlers=[get_queue, pause_queue, resume_queue, move_generation],
        tags=["Queue"],
    )
