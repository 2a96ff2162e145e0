"""Exchanges below what an HTTP client lets one say: any headers, and bodies that come bit by bit."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
from litestar import Litestar

Headers = Sequence[tuple[bytes, bytes]]
OWN_HOST: Headers = ((b"host", b"127.0.0.1:8022"),)
OWN_ORIGIN = "http://127.0.0.1:8022"


@dataclass(kw_only=True)
class Answer:
    """What the application has sent so far; `chunks` ends with an empty one."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    chunks: "asyncio.Queue[bytes]" = field(default_factory=asyncio.Queue)

    async def body(self) -> bytes:
        parts = []
        while part := await self.chunks.get():
            parts.append(part)
        return b"".join(parts)

    async def problem(self) -> dict[str, object]:
        assert self.headers["content-type"] == "application/problem+json"
        return dict(msgspec.json.decode(await self.body()))


@asynccontextmanager
async def exchange(
    app: Litestar,
    path: str,
    *,
    method: str = "GET",
    headers: Headers = OWN_HOST,
    body: Sequence[bytes] = (b"",),
    peer: str = "127.0.0.1",
) -> AsyncIterator[Answer]:
    """One request whose client stays until the block ends, and then hangs up."""
    answer, hung_up = Answer(), asyncio.Event()
    started = asyncio.Event()
    parts = list(body)

    async def receive() -> dict[str, object]:
        if parts:
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}
        await hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {k.decode().lower(): v.decode() for k, v in message["headers"]}
            started.set()
        elif message["body"] or not message["more_body"]:
            answer.chunks.put_nowait(message["body"])
            if message["body"] and not message["more_body"]:
                answer.chunks.put_nowait(b"")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path.partition("?")[0],
        "raw_path": path.partition("?")[0].encode(),
        "query_string": path.partition("?")[2].encode(),
        "root_path": "",
        "headers": list(headers),
        "client": (peer, 50000),
        "server": ("127.0.0.1", 8022),
    }
    task = asyncio.create_task(app(scope, receive, send))
    await asyncio.wait(
        {task, waiting := asyncio.create_task(started.wait())}, return_when=asyncio.FIRST_COMPLETED
    )
    waiting.cancel()
    try:
        yield answer
    finally:
        hung_up.set()
        await asyncio.wait_for(task, timeout=5)
