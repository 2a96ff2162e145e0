"""A forked worker as the server sees it: what `asyncio.subprocess.Process` is for one it started itself."""

import asyncio
import os
import signal
import socket
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import Final

from adapters.subprocess import forking

#: The exit status of a worker whose end nobody saw: what it was forked from was gone. No process has it.
UNSEEN: Final = 256
#: Seconds in which the end of a worker is told by what it was forked from.
_TELLING_S: Final = 2.0


class ForkedProcess:
    """Ends when it ends, whether or not what it was forked from still lives.

    It is held by a descriptor, not by its number, which may long be another process's.
    """

    def __init__(
        self,
        pid: int,
        handle: int,
        told: socket.socket,
        stdin: asyncio.StreamWriter,
        stdout: asyncio.StreamReader,
    ) -> None:
        """Takes what `fork_by` made of the answer."""
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        self.returncode: int | None = None
        self._handle = handle
        self._told = told
        self._end = asyncio.create_task(self._follow())

    def kill(self) -> None:
        """SIGKILL it. Nothing happens where it has ended."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    async def wait(self) -> int:
        """Its exit status, once it has ended: negative for a signal, or `UNSEEN`."""
        return await asyncio.shield(self._end)

    async def _follow(self) -> int:
        await _readable(self._handle)
        told = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(_TELLING_S):
                await _readable(self._told.fileno())
                told = self._told.recv(forking.NUMBER_BYTES)
        self.returncode = int.from_bytes(told, "big", signed=True) if told else UNSEEN
        self._told.close()
        os.close(self._handle)
        self.stdin.close()
        return self.returncode


async def fork_by(control: socket.socket, arguments: Sequence[str]) -> ForkedProcess | None:
    """A fork of the process at the other end of `control`; None where it makes none, or dies before."""
    with ExitStack() as left:
        inward, orders = _pipe(left)
        reports, outward = _pipe(left)
        told, teller = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        left.enter_context(told)
        with teller:
            handed = [inward, outward, teller.fileno()]
            try:
                socket.send_fds(control, [forking.request(arguments)], handed)
            except OSError:
                return None
        await _readable(told.fileno())
        number, handles, _, _ = socket.recv_fds(
            told, forking.NUMBER_BYTES, 1, socket.MSG_CMSG_CLOEXEC
        )
        if not handles:
            return None
        left.callback(os.close, handles[0])
        stdin, stdout = await _streams(os.dup(orders), os.dup(reports))
        process_id = int.from_bytes(number, "big", signed=True)
        return ForkedProcess(process_id, os.dup(handles[0]), told.dup(), stdin, stdout)


def _pipe(left: ExitStack) -> tuple[int, int]:
    read, write = os.pipe()
    left.callback(os.close, read)
    left.callback(os.close, write)
    return read, write


class _StreamProtocol(asyncio.StreamReaderProtocol):
    """Keeps its reader until the pipe ends: asyncio complains of one that nobody keeps."""

    def __init__(self) -> None:
        self.reader = asyncio.StreamReader()
        super().__init__(self.reader)


async def _streams(orders: int, reports: int) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
    loop = asyncio.get_running_loop()
    _, reading = await loop.connect_read_pipe(_StreamProtocol, os.fdopen(reports, "rb", 0))
    transport, writing = await loop.connect_write_pipe(_StreamProtocol, os.fdopen(orders, "wb", 0))
    return asyncio.StreamWriter(transport, writing, None, loop), reading.reader


async def _readable(descriptor: int) -> None:
    """Return once it can be read, or has been closed at the other end."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
