"""Server-sent events that end when the server does."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from litestar.openapi.datastructures import ResponseSpec
from litestar.response import ServerSentEvent, ServerSentEventMessage
from msgspec import Struct

MEDIA_TYPE: Final = "text/event-stream"
#: The largest number that every JSON reader keeps exact.
MAX_EVENT: Final = 2**53 - 1
#: Seconds after which a stream ends, and its client asks for the rest: none is held for ever by who forgot it.
MAX_STREAM_S: Final = 600.0
#: What breaks a silence, so that nobody in between takes the connection for dead.
HEARTBEAT: Final = ServerSentEventMessage(comment="still here", data=None)


class ToldEvent(Struct, frozen=True, kw_only=True):
    """A server-sent event as OpenAPI describes it: `data` is JSON, in the one line of text that an event has."""


def told_as(event: type[ToldEvent]) -> ResponseSpec:
    """What OpenAPI says of a stream of such events."""
    return ResponseSpec(
        event,
        generate_examples=False,
        description="A stream of such events; a comment where nothing happens for a while.",
        media_type=MEDIA_TYPE,
    )


def event_stream(
    messages: AsyncGenerator[ServerSentEventMessage, None], stopping: asyncio.Event
) -> ServerSentEvent:
    """The answer that tells `messages`, until `stopping`: a stream that went on would hold it up.

    Or for `MAX_STREAM_S`, as clients go on with the rest by `Last-Event-ID`.
    """
    return ServerSentEvent(
        _until(stopping, messages), headers={"Cache-Control": "private, no-store"}
    )


async def _until(
    stopping: asyncio.Event, messages: AsyncGenerator[ServerSentEventMessage, None]
) -> AsyncGenerator[ServerSentEventMessage, None]:
    time = asyncio.get_running_loop().time
    ends_at = time() + MAX_STREAM_S
    stop = asyncio.ensure_future(stopping.wait())
    coming: asyncio.Future[ServerSentEventMessage | None] | None = None
    try:
        while not stop.done() and (left_s := ends_at - time()) > 0:
            coming = asyncio.ensure_future(anext(messages, None))
            await asyncio.wait({coming, stop}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done() or (message := coming.result()) is None:
                return
            yield message
    finally:
        stop.cancel()
        if coming is not None and not coming.done():
            coming.cancel()
            await asyncio.wait({coming})
        await messages.aclose()
