"""The socket that a server listens on."""

import asyncio
import contextlib
import socket
from pathlib import Path

from bootstrap.server import _listen
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
