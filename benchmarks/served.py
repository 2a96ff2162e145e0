"""A server to measure: with an API key that may do everything as often as it likes, on a core of its own, and a
client that takes next to no time itself."""

import asyncio
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

from adapters.filesystem.data_directory import DataDirectory
from adapters.filesystem.key_store import FilesystemKeyStore
from adapters.system.clock import SystemClock
from application.manage_keys import ManageKeys
from domain.access import Quota, Scope
from tests.e2e.service import Service

_MANY = 10**9


def keyed_service(
    data_dir: Path, *, backend: str, job_cost: int | None = None, **settings: object
) -> tuple[Service, str]:
    """The server, not yet started, whose client shows the key; and the key."""
    service = Service(data_dir, backend=backend, limits__waiting=0, limits__streams=0, **settings)
    directory = DataDirectory(data_dir)
    keys = ManageKeys(FilesystemKeyStore(directory.keys, directory.prepare), SystemClock())
    quota = Quota(
        waiting=_MANY,
        submissions_per_minute=_MANY,
        requests_per_minute=_MANY,
        streams=_MANY,
        job_cost=job_cost,
    )
    _, secret = keys.create("benchmark", Scope.ADMIN, quota)
    service.client.headers["Authorization"] = f"Bearer {secret}"
    return service, secret


class Connection:
    """One HTTP/1.1 connection, kept open: as little as can be, for the load's own work must not show."""

    def __init__(self, service: Service, secret: str = "none") -> None:
        self._port = service.port
        self._head = f"Host: 127.0.0.1:{service.port}\r\nAuthorization: Bearer {secret}\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """The answer's status and body."""
        reader = await self.send(method, path, body)
        status, headers = await head_of(reader)
        length = int(headers.get("content-length", "0"))
        answer = await reader.readexactly(length) if length else b""
        if headers.get("connection") == "close":
            self.close()
        return status, answer

    async def send(self, method: str, path: str, body: bytes = b"") -> asyncio.StreamReader:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        about = "Content-Type: application/json\r\n" if body else ""
        head = f"{method} {path} HTTP/1.1\r\n{self._head}{about}Content-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        return reader

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def head_of(reader: asyncio.StreamReader) -> tuple[int, Mapping[str, str]]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    pairs = (line.partition(": ") for line in lines if line)
    return int(first.split(" ", 2)[1]), {name.lower(): value for name, _, value in pairs}


def cpu_s_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def pin(process: psutil.Process, cores: Iterable[int]) -> None:
    """Every thread it has, and so those that they start."""
    for thread in process.threads():
        os.sched_setaffinity(thread.id, cores)


def pin_all(service: Service) -> str:
    """The server has the first core, its workers and the load the second. Says so."""
    first, second, *_ = sorted(os.sched_getaffinity(0))
    pin(service.process, {first})
    for started in service.started():  # what workers are forked from among them: they inherit it
        pin(started, {second})
        started.nice(10)
    pin(psutil.Process(), {second})
    return f"server on core {first}; its workers (nice 10) and the load on core {second}"
