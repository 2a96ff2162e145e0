"""Rows S2 and S13 on real sockets: what comes slowly, endlessly or is no HTTP costs next to nothing."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import psutil
import pytest
from litestar import Litestar

from adapters.http import connections
from adapters.http.connections import PatientProtocol
from bootstrap.server import http_server
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.jobs import InMemoryJobs
from tests.integration.http.lives import complete, start

MIB = 2**20
HEAD = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n"
JSON_POST = (
    b"POST /api/v1/generations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
)


class Hurried(PatientProtocol):
    """Loses its patience in the time that a test has."""

    patience_s = 0.8
    reader_patience_s = 0.4


@dataclass(frozen=True)
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        assert self.headers["content-type"] == "application/problem+json"
        return str(json.loads(self.body)["code"])


@pytest.fixture
async def port(app: Litestar) -> AsyncIterator[int]:
    """Of a real server over the fakes."""
    assert (connections.PATIENCE_S, connections.READER_PATIENCE_S) == (10.0, 300.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = http_server(app, protocol=Hurried)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        await serving


@contextlib.asynccontextmanager
async def connected(
    port: int,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def until_closed(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the server hangs up."""
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionResetError):
            return await reader.read()
    return b""


def parsed(answer: bytes) -> Answered:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return Answered(status=int(status.split()[1]), headers=headers, body=body)


async def ask(port: int, request: bytes) -> Answered:
    async with connected(port) as (reader, writer):
        writer.write(request)
        return parsed(await until_closed(reader))


async def lives(port: int) -> bool:
    return (await ask(port, HEAD + b"Connection: close\r\n\r\n")).status == 200


def resident() -> int:
    return int(psutil.Process().memory_info().rss)


async def test_s13_slow_heads_are_let_go_while_others_are_served(port: int) -> None:
    before = resident()

    async def drip() -> bytes:
        async with connected(port) as (reader, writer):
            answer = asyncio.create_task(until_closed(reader))
            for byte in HEAD * 10:
                writer.write(bytes([byte]))
                await asyncio.sleep(0.1)
                if answer.done():
                    break
            return await answer

    dripping = asyncio.gather(*(drip() for _ in range(100)))
    await asyncio.sleep(0.2)
    assert await lives(port)
    answers = [parsed(answer) for answer in await dripping if answer]

    # On a busy machine a few come to say nothing at all before they are let go.
    assert len(answers) > 50
    assert {(answer.status, answer.code) for answer in answers} == {(408, "request-too-slow")}
    assert resident() - before < 30 * MIB


async def test_s13_a_connection_that_says_nothing_is_closed(port: int) -> None:
    async with connected(port) as (reader, _):
        assert await until_closed(reader) == b""


async def test_s13_one_that_asks_in_time_may_take_as_long_as_it_likes_between(port: int) -> None:
    async with connected(port) as (reader, writer):
        for _ in range(3):
            writer.write(HEAD)
            await asyncio.sleep(0.25)
            writer.write(b"\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            await reader.readexactly(len(b'{"status":"alive"}'))
            await asyncio.sleep(0.9)


async def test_s13_a_body_that_nobody_reads_is_not_taken_for_ever(port: int) -> None:
    request = b"POST /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with connected(port) as (reader, writer):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 404")
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(10):
                while True:
                    writer.write(b"1\r\nx\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("path", "media_type", "limit"),
    [
        (b"/api/v1/generations", b"application/json", 256 * 1024),
        (b"/api/v1/uploads", b"image/png", 32 * MIB),
    ],
)
async def test_s13_an_endless_body_is_counted_and_cut(
    port: int, path: bytes, media_type: bytes, limit: int
) -> None:
    before, sent, chunk = resident(), 0, b" " * 65536
    async with connected(port) as (reader, writer):
        writer.write(b"POST " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ")
        writer.write(media_type + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        answer = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
        async with asyncio.timeout(30):
            while not answer.done():
                writer.write(b"10000\r\n" + chunk + b"\r\n")
                await writer.drain()
                await asyncio.sleep(0)
                sent += len(chunk)
        assert (await answer).startswith(b"HTTP/1.1 413")

    assert limit <= sent < limit + 16 * MIB
    assert resident() - before < 4 * limit + 30 * MIB
    assert await lives(port)


async def test_s13_a_body_that_says_it_is_too_large_is_not_begun(port: int) -> None:
    answer = await ask(
        port, JSON_POST + b"Connection: close\r\nContent-Length: 10000000000\r\n\r\n{"
    )

    assert (answer.status, answer.code) == (413, "body-too-large")


@pytest.mark.parametrize("path", [b"/api/v1/generations", b"/api/v1/uploads", b"/api/v1/plans"])
async def test_s13_a_hundred_thousand_parts_are_not_looked_at(port: int, path: bytes) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'
    body, before = part * 100_000 + b"--x--\r\n", resident()
    request = b"POST " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    request += b"Content-Type: multipart/form-data; boundary=x\r\n"
    request += f"Content-Length: {len(body)}\r\n\r\n".encode()

    async with connected(port) as (reader, writer):
        writer.write(request + body)
        head = await reader.readuntil(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 415")
    assert resident() - before < 30 * MIB


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (HEAD + b"X: " + b"x" * 17_000 + b"\r\n\r\n", 431, "headers-too-large"),
        (HEAD + b"X: y\r\n" * 4_000 + b"\r\n", 431, "headers-too-large"),
        (HEAD + b"X: " + b"x" * 20_000, 431, "headers-too-large"),
        (HEAD.replace(b"livez", b"x" * 5_000) + b"\r\n", 414, "url-too-long"),
        (HEAD.replace(b"livez", b"livez?a=" + b"x" * 5_000) + b"\r\n", 414, "url-too-long"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "malformed-request"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "malformed-request"),
        (HEAD + b"Host: 127.0.0.1\r\n\r\n", 400, "malformed-request"),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, "wrong-host"),
        (b"GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 404, "not-found"),
        (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "malformed-request"),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400, "malformed-request"),
        (HEAD + b"A b: c\r\n\r\n", 400, "malformed-request"),
        (HEAD + b"A: b\x00c\r\n\r\n", 400, "malformed-request"),
        (HEAD + b" folded: x\r\n\r\n", 400, "malformed-request"),
    ],
    ids=range(15),
)
async def test_s13_what_is_refused_is_told_as_all_else_is(
    port: int, request_: bytes, status: int, code: str
) -> None:
    async with connected(port) as (reader, writer):
        writer.write(request_.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        answer = parsed(await until_closed(reader))

    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"] == json.loads(answer.body)["instance"]


async def test_s13_a_head_of_just_the_limit_is_read(port: int) -> None:
    filler = b"X: " + b"x" * 15_000 + b"\r\n"

    assert (await ask(port, HEAD + filler + b"Connection: close\r\n\r\n")).status == 200


async def test_s13_a_reader_that_takes_nothing_is_left(
    port: int, app: Litestar, jobs: InMemoryJobs, store: FakeArtifactStore, submitted: str
) -> None:
    await start(jobs, submitted)
    await complete(jobs, store, submitted, b"x" * 64 * MIB)
    before = psutil.Process().num_fds()
    async with connected(port) as (_, writer):
        path = f"GET /api/v1/outputs/{submitted}/video HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(path.encode())
        await _happens(lambda: psutil.Process().num_fds() > before + 2)

        await _happens(lambda: psutil.Process().num_fds() <= before + 1)


async def test_s02_the_peer_is_the_sockets_own(port: int, keys_in_use: None) -> None:
    """uvicorn would believe what is forwarded by a peer on loopback."""
    request = b"GET /api/v1/queue HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"

    statuses = [
        (await ask(port, request + f"X-Forwarded-For: 192.0.2.{n}\r\n\r\n".encode())).status
        for n in range(12)
    ]

    assert statuses == [401] * 10 + [429] * 2


async def _happens(there: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not there():
            await asyncio.sleep(0.05)
