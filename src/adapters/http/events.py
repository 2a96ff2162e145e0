"""What happens to generations, as it happens: of all of them at once."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import ServerSentEventMessage

from adapters.http import streams
from adapters.http.problems import refusals
from adapters.http.representations import GenerationEvent, snapshot
from adapters.http.streams import HEARTBEAT, MAX_EVENT, event_stream, told_as
from application.queries import Queries
from domain.access import Scope
from domain.ports.event_log import LoggedEvent


@get(
    "/api/v1/events",
    media_type=streams.MEDIA_TYPE,
    scope=Scope.READ,
    tags=["Generations"],
    responses={HTTPStatus.OK: told_as(GenerationEvent), **refusals(503)},
)
async def follow_generations(
    queries: NamedDependency[Queries],
    stopping: NamedDependency[asyncio.Event],
    after: Annotated[
        int | None,
        QueryParameter(ge=0, le=MAX_EVENT, description="Only what came after that event."),
    ] = None,
    last_event_id: Annotated[
        int | None,
        HeaderParameter(
            name="Last-Event-ID", ge=0, le=MAX_EVENT, description="The same; a browser's own."
        ),
    ] = None,
) -> Response[Any]:
    """Every event of every generation as it happens, from now on, or after a given one.

    A browser that reconnects sends `Last-Event-ID`, which wins over `after`: it misses nothing.
    """
    last = after if last_event_id is None else last_event_id
    if last is not None:
        return event_stream(told(queries, queries.follow_all(after=last)), stopping)
    # Known before the stream begins: what is asked for from then on is told.
    last = await queries.latest_event()
    messages = _from_now_on(last, told(queries, queries.follow_all(after=last)))
    return event_stream(messages, stopping)


async def _from_now_on(
    last: int, messages: AsyncGenerator[ServerSentEventMessage, None]
) -> AsyncGenerator[ServerSentEventMessage, None]:
    """First where it begins: a stream that ends before its first event is gone on with from there."""
    yield ServerSentEventMessage(id=last, comment="from here on", data=None)
    async for message in messages:
        yield message


async def told(
    queries: Queries,
    events: AsyncIterator[LoggedEvent | None],
) -> AsyncGenerator[ServerSentEventMessage, None]:
    """Each event as a stream tells it."""
    async for logged in events:
        if logged is None:
            yield HEARTBEAT
        else:
            preview = queries.newest_preview(logged.event.job_id)
            told = snapshot(logged.event, preview_step=preview.step if preview else None)
            yield ServerSentEventMessage(
                id=logged.number, event=logged.event.kind, data=msgspec.json.encode(told)
            )
