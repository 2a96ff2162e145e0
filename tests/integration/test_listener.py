"""How answers leave: the socket that a server listens on, and what is written to it."""

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar, get
from litestar.response import Stream
from uvicorn.server import ServerState

from adapters.http.connections import PatientProtocol
from bootstrap.server import _listen, http_server
from bootstrap.settings import load_settings
from tests.e2e.service import free_port
from tests.fakes.key_store import FakeKeyStore


async def test_an_answer_is_sent_without_waiting_for_what_was_sent_before(tmp_path: Path) -> None:
    # Every answer took 40 ms: its body waited until the client had acknowledged its head.
    overrides = {"data_dir": str(tmp_path), "server.port": free_port()}
    accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.put_nowait(writer)

    settings = load_settings(overrides=overrides, environment={})
    with contextlib.closing(_listen(settings, FakeKeyStore())) as listener:
        async with await asyncio.start_server(accept, sock=listener):
            _, theirs = await asyncio.open_connection(*listener.getsockname()[:2])
            ours = await accepted.get()

            option = ours.get_extra_info("socket").getsockopt(
                socket.IPPROTO_TCP, socket.TCP_NODELAY
            )
            for writer in (ours, theirs):
                writer.close()
                await writer.wait_closed()
            assert option


class Written(asyncio.Transport):
    """Keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.packets: asyncio.Queue[bytes] = asyncio.Queue()

    def write(self, data: Any) -> None:
        if data:
            self.packets.put_nowait(bytes(data))

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing is open."""


@get("/known", sync_to_thread=False)
def known() -> str:
    return "all of it"


@get("/stream", sync_to_thread=False)
def stream() -> Stream:
    async def parts() -> Any:
        await asyncio.Event().wait()
        yield b""

    return Stream(parts())


@pytest.mark.parametrize(
    ("path", "end"), [("/known", b"\r\n\r\nall of it"), ("/stream", b"\r\n\r\n")]
)
async def test_a_head_leaves_with_its_body_and_alone_where_that_is_still_to_come(
    path: str, end: bytes
) -> None:
    config = http_server(Litestar([known, stream])).config
    config.load()
    state, transport = ServerState(), Written()
    protocol = PatientProtocol(config=config, server_state=state, app_state={})
    protocol.connection_made(transport)

    protocol.data_received(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
    async with asyncio.timeout(5):
        packet = await transport.packets.get()

    for task in state.tasks:
        task.cancel()
    protocol.connection_lost(None)
    assert transport.packets.empty()
    assert packet.startswith(b"HTTP/1.1 200")
    assert packet.endswith(end)
