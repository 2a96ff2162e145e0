"""Every route says which scope it needs, and nobody reaches it without.

A handler is declared with `scope=`, as in `@get(scope=Scope.READ)`; what makes work beyond answering has
`is_submission=True` beside it. One that says nothing keeps the server from starting.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, Final, TypeVar

from litestar import Litestar, Request
from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.di import NamedDependency, Provide
from litestar.enums import HttpMethod
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.routes import ASGIRoute, HTTPRoute, WebSocketRoute
from litestar.types import ASGIApp, Message, Receive, ReceiveMessage, Scope, Send

from adapters.http.doorkeeper import Doorkeeper
from domain import access
from domain.access import Caller

#: The scope of a route that is everybody's.
PUBLIC: Final = "public"
_STREAM: Final = "text/event-stream"

_T = TypeVar("_T")


class Admission:
    """ASGI middleware around each route: lets in whom its scope admits, and ends what outlives a key."""

    def __init__(self, app: ASGIApp, doorkeeper: Doorkeeper) -> None:
        self._app = app
        self._doorkeeper = doorkeeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = scope["route_handler"]
        needed = _scope_of(handler)
        if needed == PUBLIC:
            await self._app(scope, receive, send)
            return
        headers, (peer, _port) = Headers.from_scope(scope), scope["client"] or ("", 0)
        caller = self._doorkeeper.recognise(headers.getall("authorization", []), peer)
        scope["state"]["caller"] = caller
        scope["state"]["headers"] = self._doorkeeper.count(
            caller, is_submission=handler.opt.get("is_submission", False)
        )
        caller.demand(access.Scope(needed))
        with ExitStack() as held:
            if getattr(handler, "media_type", None) == _STREAM:
                held.enter_context(self._doorkeeper.stream(caller))
            answer = _Answer(receive, send, lambda: self._doorkeeper.is_welcome(caller))
            await self._app(scope, answer.receive, answer.send)
            await answer.end()


class _Answer:
    """An answer that is broken off where its key is revoked meanwhile: to the route, as if the client had gone."""

    def __init__(self, receive: Receive, send: Send, may_go_on: Callable[[], bool]) -> None:
        self._receive = receive
        self._send = send
        self._may_go_on = may_go_on
        self._broken_off = asyncio.Event()
        self._has_length = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._has_length = "content-length" in MutableScopeHeaders(message)
        if message.get("more_body") and not self._may_go_on():
            self._broken_off.set()
        if not self._broken_off.is_set():
            await self._send(message)

    async def receive(self) -> ReceiveMessage:
        coming = asyncio.ensure_future(self._receive())
        broken_off = asyncio.ensure_future(self._broken_off.wait())
        try:
            await asyncio.wait({coming, broken_off}, return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() else {"type": "http.disconnect"}
        finally:
            coming.cancel()
            broken_off.cancel()

    async def end(self) -> None:
        """Tell the client that it is over, where the route did not; one that counts bytes sees it by itself."""
        if self._broken_off.is_set() and not self._has_length:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _scope_of(handler: BaseRouteHandler) -> str:
    """What the route needs, "" where it does not say; Litestar makes those that only tell its methods."""
    if isinstance(handler, HTTPRouteHandler) and handler.http_methods == {HttpMethod.OPTIONS}:
        return PUBLIC
    return str(handler.opt.get("scope", ""))


def refuse_undeclared(app: Litestar) -> None:
    """Raise `ValueError` where a route declares no scope, or one that does not exist."""
    known = {PUBLIC, *access.Scope}
    undeclared = sorted(
        f"{handler.handler_name} ({route.path})"
        for route in app.routes
        for handler in _handlers(route)
        if _scope_of(handler) not in known
    )
    if undeclared:
        raise ValueError(f"These routes do not say who may use them: {', '.join(undeclared)}.")


def _handlers(route: HTTPRoute | ASGIRoute | WebSocketRoute) -> Sequence[BaseRouteHandler]:
    return route.route_handlers if isinstance(route, HTTPRoute) else [route.route_handler]


def current_caller(request: Request[Any, Any, Any]) -> Caller:
    """Who was let in; a route for everybody has no caller, and fails where it asks for one."""
    caller: Caller = request.scope["state"]["caller"]
    return caller


def for_caller(make: Callable[[Caller], _T]) -> Provide:
    """A dependency that is made anew for whoever asks."""

    def made(caller: NamedDependency[Caller]) -> Any:  # Any: Litestar reads types, not variables
        return make(caller)

    return Provide(made, sync_to_thread=False)
