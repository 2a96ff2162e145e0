"""How large a request's head may be, and how long its body may take: reliability.md §5.

How large a body may be, its route says; how long a head may take is `adapters.http.connections`' to watch.
"""

import asyncio
from http import HTTPStatus
from typing import Final

from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Message, Receive, ReceiveMessage, Scope, Send

from adapters.http.refusing import refuse

MAX_HEAD_BYTES: Final = 16 * 1024
MAX_URL_BYTES: Final = 4 * 1024
#: Seconds without a byte of a body that is still to come.
BODY_IDLE_S: Final = 60.0
#: Seconds for all of it: the largest body in that time is 0.5 Mbit/s.
BODY_S: Final = 600.0
#: What a header line has beside its name and value.
_LINE_BYTES: Final = len(": \r\n")


class LimitRequests:
    """ASGI middleware that keeps large heads and slow bodies from everything behind it."""

    def __init__(
        self, app: ASGIApp, *, body_idle_s: float = BODY_IDLE_S, body_s: float = BODY_S
    ) -> None:
        self._app = app
        self._body_idle_s = body_idle_s
        self._body_s = body_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        try:
            check_head(scope)
        except HTTPException as refusal:
            await refuse(refusal, scope, receive, send)
        else:
            exchange = _Exchange(receive, send, idle_s=self._body_idle_s, all_s=self._body_s)
            await self._app(scope, exchange.receive, exchange.send)


class _Exchange:
    """One request whose body hurries; once it is whole, `receive` only waits for the client to go."""

    def __init__(self, receive: Receive, send: Send, *, idle_s: float, all_s: float) -> None:
        self._receive = receive
        self._send = send
        self._idle_s = idle_s
        self._until = asyncio.get_running_loop().time() + all_s
        self._is_whole = False
        self._is_answered = False

    async def send(self, message: Message) -> None:
        self._is_answered = True
        await self._send(message)

    async def receive(self) -> ReceiveMessage:
        if self._is_whole:
            return await self._receive()
        left_s = self._until - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(self._idle_s, left_s)):
                message: ReceiveMessage = await self._receive()
        except TimeoutError as error:
            self._is_whole = True
            if self._is_answered:  # nobody waits for the rest: as if the client had gone
                return {"type": "http.disconnect"}
            raise HTTPException(
                status_code=HTTPStatus.REQUEST_TIMEOUT,
                detail="The body came too slowly: send it again.",
                headers={"Connection": "close"},
            ) from error
        self._is_whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message


def check_head(scope: Scope) -> None:
    """Refuse a URL, or a head, that is longer than any we would ask for.

    Raises:
        HTTPException: 414 or 431.
    """
    url = len(scope.get("raw_path") or scope["path"].encode()) + 1 + len(scope["query_string"])
    if url > MAX_URL_BYTES:
        raise HTTPException(
            status_code=HTTPStatus.REQUEST_URI_TOO_LONG,
            detail=f"The URL is {url} bytes long; at most {MAX_URL_BYTES} are read.",
        )
    head = url + sum(len(name) + len(value) + _LINE_BYTES for name, value in scope["headers"])
    if head > MAX_HEAD_BYTES:
        raise HTTPException(
            status_code=HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            detail=f"The headers are {head} bytes long; at most {MAX_HEAD_BYTES} are read.",
        )
