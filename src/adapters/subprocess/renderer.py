"""A renderer in a process of its own: it may crash, hang or be killed, and the server goes on."""

import asyncio
import logging
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Final, assert_never

from adapters.subprocess import wire
from domain.errors import RenderCancelled, WorkerCrashed, error_for
from domain.ports import renderer
from domain.rendering import RenderOrder, RenderReport, VideoStaged

_log = logging.getLogger(__name__)

#: A step of the largest model takes longer: the worker then dies in it, as it must.
CANCEL_DEADLINE_S: Final = 5.0


class SubprocessRenderer(renderer.Renderer):
    """One worker process, kept between orders, started again whenever it is gone.

    Args:
        command: the program and its arguments; it speaks `adapters.subprocess.wire` on its standard
            input and output, and logs on its standard error.
        environment: all of its environment variables; this process's own where None.
        cancel_deadline_s: seconds it has to stop by itself after a cancel, before it is killed.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        cancel_deadline_s: float = CANCEL_DEADLINE_S,
    ) -> None:
        self._command = tuple(command)
        self._environment = environment
        self._cancel_deadline_s = cancel_deadline_s
        self._process: Process | None = None
        self._rendering: str | None = None
        self._cancelled: asyncio.TimerHandle | None = None

    @property
    def process_id(self) -> int | None:
        """The worker's, or None where none runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Start the worker ahead of its first order, so that it loads its libraries meanwhile."""
        await self._running()

    async def render(self, order: RenderOrder) -> AsyncGenerator[RenderReport, None]:
        process = await self._running()
        self._rendering = order.job_id
        finished = False
        try:
            await self._send(process, wire.Render(order))
            while not finished:
                report = await self._receive(process)
                if isinstance(report, VideoStaged):
                    finished = True
                    self._end_order()  # from here a cancel comes too late to kill the worker
                yield report
        except _OrderEnded as ended:
            finished = True
            raise ended.error from None
        finally:
            self._end_order()
            if not finished:
                await self._kill()

    async def cancel(self, job_id: str) -> None:
        process = self._process
        if job_id != self._rendering or process is None or self._cancelled is not None:
            return
        loop = asyncio.get_running_loop()
        self._cancelled = loop.call_later(self._cancel_deadline_s, _kill_now, process)
        try:
            await self._send(process, wire.Cancel(job_id))
        except WorkerCrashed:
            return  # `render` finds out by itself

    async def close(self) -> None:
        await self._kill()

    async def _running(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, env=self._environment
            )
            _log.info("worker started", extra={"process_id": self._process.pid})
        return self._process

    async def _send(self, process: Process, command: wire.Command) -> None:
        assert process.stdin is not None, "started with a pipe"
        try:
            process.stdin.write(wire.frame(command))
            await process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            raise await self._death(process) from None

    async def _receive(self, process: Process) -> RenderReport:
        assert process.stdout is not None, "started with a pipe"
        try:
            head = await process.stdout.readexactly(wire.LENGTH_BYTES)
            body = await process.stdout.readexactly(wire.body_length(head))
        except asyncio.IncompleteReadError:
            raise await self._death(process) from None
        match wire.decode_answer(body):
            case wire.Stage(report=report) | wire.Step(report=report):
                return report
            case wire.Staged(video=video):
                return VideoStaged(video=video)
            case wire.Failed(code=code, message=message):
                raise _OrderEnded(error_for(code, message))
            case unreachable:
                assert_never(unreachable)

    async def _death(self, process: Process) -> Exception:
        """What the end of the worker means for the order it had."""
        status = await process.wait()
        _log.warning("worker ended", extra={"process_id": process.pid, "status": status})
        if self._cancelled is not None:
            return RenderCancelled()
        return WorkerCrashed(f"The worker process {_describe(status)}.")

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            _kill_now(process)
            await process.wait()

    def _end_order(self) -> None:
        self._rendering = None
        if self._cancelled is not None:
            self._cancelled.cancel()
            self._cancelled = None


class _OrderEnded(Exception):
    """The worker answered with an error, and is ready for the next order."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def _kill_now(process: Process) -> None:
    if process.returncode is None:
        process.kill()


def _describe(status: int) -> str:
    if status >= 0:
        return f"exited with code {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
