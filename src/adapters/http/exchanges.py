"""What every exchange carries, whoever answers it: a request id and the headers browsers obey."""

import re
import secrets
from typing import Final

from litestar.datastructures import Headers
from litestar.types import ASGIApp, Message, Receive, Scope, Send

#: What a browser is made to render may load and run nothing; the page has a policy of its own.
SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
_SECURITY: Final = tuple(
    (name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()
)
_NO_STORE: Final = ((b"cache-control", b"private, no-store"),)
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class MarkExchanges:
    """ASGI middleware that names each request and sets the headers its answer did not choose itself.

    A client's own `X-Request-ID` is kept where it is short and plain, so that logs can be joined.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = _request_id(Headers.from_scope(scope).get("x-request-id", ""))
        scope["state"]["request_id"] = request_id
        scope["state"]["headers"] = {}
        # Routing rewrites scope["path"].
        is_api = scope["path"].startswith(("/api/", "/v1/"))
        scope["state"]["asked_path"] = scope["path"]

        async def mark(message: Message) -> None:
            if message["type"] == "http.response.start":
                counted = scope["state"]["headers"].items()
                chosen = {name.lower() for name, _ in message["headers"]}
                ours = (
                    (b"x-request-id", request_id.encode()),
                    *_SECURITY,
                    *((name.lower().encode(), value.encode()) for name, value in counted),
                    *(_NO_STORE if is_api else ()),
                )
                message["headers"] = [
                    *message["headers"],
                    *(header for header in ours if header[0] not in chosen),
                ]
            await send(message)

        await self._app(scope, receive, mark)


def _request_id(given: str) -> str:
    return given if _REQUEST_ID.fullmatch(given) else new_request_id()


def new_request_id() -> str:
    """A name for a request whose client gave it none."""
    return f"req_{secrets.token_hex(12)}"
