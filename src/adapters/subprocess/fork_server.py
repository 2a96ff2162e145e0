"""The preloaded process that workers are forked from: in milliseconds, with their libraries loaded."""

import asyncio
import logging
import socket
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from adapters.subprocess.forked_process import ForkedProcess, fork_by

_log = logging.getLogger(__name__)

#: Seconds that the end of a killed one is waited for.
_EXIT_GRACE_S: Final = 5.0


class ForkServer:
    """Started ahead of the first fork, and again when it was killed.

    One that ended by itself could not load, or found that what is forked from it would not work: it is
    not started again, and there are no forks.

    Args:
        command: the program and its arguments; it gets the control socket as its standard input, and
            calls `adapters.subprocess.forking.serve_forks`.
        environment: all of its environment variables; this process's own where None.
    """

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str] | None = None
    ) -> None:
        self._command = tuple(command)
        self._environment = environment
        self._process: Process | None = None
        self._control: socket.socket | None = None
        self._starting = asyncio.Lock()

    @property
    def process_id(self) -> int | None:
        """Its own, or None where it does not run."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Have it load its libraries; nothing happens where it runs, or is of no use."""
        async with self._starting:
            if self._process is not None and (self._process.returncode or 0) >= 0:
                return  # it runs, or ended by itself
            self._forget()
            try:
                self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                self._control.setblocking(False)
                with theirs:
                    self._process = await asyncio.create_subprocess_exec(
                        *self._command, stdin=theirs.fileno(), env=self._environment
                    )
            except OSError as error:
                self._forget()
                _log.warning("workers are not forked", extra={"reason": error.strerror})
            else:
                _log.info("fork server started", extra={"process_id": self._process.pid})

    async def fork(self, arguments: Sequence[str]) -> ForkedProcess | None:
        """A worker with those arguments; None where none can be forked: it is to be started by itself.

        Whoever stops waiting for it takes the fork server for hung, and kills it.
        """
        await self.start()
        if self.process_id is None or self._control is None:
            return None
        process = self._process
        try:
            return await fork_by(self._control, arguments)
        except asyncio.CancelledError:
            _kill_now(process)
            raise

    async def close(self) -> None:
        """Leave no process behind. Calling it again does nothing; another `start` may follow."""
        process, self._process = self._process, None
        self._forget()
        if process is not None:
            _kill_now(process)  # it has nothing to lose
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _EXIT_GRACE_S)

    def _forget(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None


def _kill_now(process: Process | None) -> None:
    if process is not None and process.returncode is None:
        process.kill()
