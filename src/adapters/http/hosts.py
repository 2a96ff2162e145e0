"""Whose requests are answered: those sent to our own names, and changes only from our own pages.

Against DNS rebinding and cross-site posts (reliability.md S2, S3). Proxy headers such as
`X-Forwarded-Host` are never read: a proxy passes the Host on, and the operator allows it.
"""

import re
from collections.abc import Collection
from http import HTTPStatus
from typing import Final

from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Receive, Scope, Send

from adapters.http.refusing import refuse

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?")


class HostGuard:
    """ASGI middleware that answers strangers itself, before anything is routed."""

    def __init__(self, app: ASGIApp, allowed_hosts: Collection[str]) -> None:
        self._app = app
        self._allowed = LOOPBACK_NAMES | {host.lower() for host in allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers.from_scope(scope)
        try:
            check_host(headers.getall("host", []), self._allowed)
            if scope["type"] == ScopeType.WEBSOCKET or scope["method"] not in SAFE_METHODS:
                check_source(headers)
        except HTTPException as refusal:
            await _refuse(refusal, scope, receive, send)
        else:
            await self._app(scope, receive, send)


def check_host(hosts: list[str], allowed: Collection[str]) -> None:
    """Let only our own names pass, each spelled exactly; a name allowed without a port has any.

    Raises:
        HTTPException: 400 for no Host, several or a malformed one, 421 for somebody else's.
    """
    host = hosts[0].lower() if len(hosts) == 1 else ""
    parts = _HOST.fullmatch(host)
    if parts is None:
        raise HTTPException(
            status_code=HTTPStatus.BAD_REQUEST, detail="Send exactly one Host header, well formed."
        )
    if host not in allowed and parts["name"] not in allowed:
        raise HTTPException(
            status_code=HTTPStatus.MISDIRECTED_REQUEST,
            detail="This server does not answer to that Host; its operator can add it to"
            " server.allowed_hosts.",
        )


def check_source(headers: Headers) -> None:
    """Let only programs and our own pages change anything.

    A browser always says where a change comes from; a program says nothing. `Origin: null` (a
    sandboxed frame, a local file) is foreign, and so is another port of the same host.

    Raises:
        HTTPException: 403 for a request that another site's page made.
    """
    own = {f"http://{headers['host']}".lower(), f"https://{headers['host']}".lower()}
    origins = {origin.lower() for origin in headers.getall("origin", [])}
    sites = set(headers.getall("sec-fetch-site", []))
    if not origins <= own or not sites <= {"same-origin", "none"}:
        raise HTTPException(
            status_code=HTTPStatus.FORBIDDEN,
            detail="Changes are only accepted from this server's own pages and from programs.",
        )


async def _refuse(refusal: HTTPException, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == ScopeType.WEBSOCKET:
        await send({"type": "websocket.close", "code": 4000 + refusal.status_code, "reason": ""})
        return
    await refuse(refusal, scope, receive, send)
