"""A renderer in a process of its own: it may crash, hang or be killed, and the server goes on."""

import asyncio
import logging
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

from adapters.subprocess import wire
from adapters.subprocess.forked_process import UNSEEN, ForkedProcess
from domain.errors import (
    AcceleratorFault,
    OutOfAcceleratorMemory,
    RenderCancelled,
    RenderFailed,
    WorkerCrashed,
    WorkerUnavailable,
    error_for,
)
from domain.ports import renderer
from domain.rendering import RenderOrder, RenderReport, VideoStaged

_log = logging.getLogger(__name__)

#: A step of the largest model takes longer: the worker then dies in it, as it must.
CANCEL_DEADLINE_S: Final = 5.0

#: Seconds a worker that closed its pipe has to end.
_EXIT_GRACE_S: Final = 5.0

#: Seconds a killed worker has to be gone. One that waits in the kernel, for a driver, stays longer, and
#: holds its GPU.
KILL_GRACE_S: Final = 10.0

#: A worker, forked or started by itself.
_Worker: TypeAlias = Process | ForkedProcess

#: Errors after which a worker is not what it was: it ends itself, and the next order gets a new one.
_POISONING: Final = (RenderFailed, OutOfAcceleratorMemory, AcceleratorFault)


class SubprocessRenderer(renderer.Renderer):
    """One worker process, kept between orders, started again whenever it is gone.

    Args:
        command: the program and its arguments; it speaks `adapters.subprocess.wire` on its standard
            input and output, and logs on its standard error.
        environment: all of its environment variables; this process's own where None.
        fork: forks a worker that does what `command` does; None, or None as its answer, has `command`
            started instead.
        cancel_deadline_s: seconds it has to stop by itself after a cancel, before it is killed.
        kill_grace_s: seconds a killed one has to be gone, before it counts as hanging in the kernel.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        fork: Callable[[], Awaitable[ForkedProcess | None]] | None = None,
        cancel_deadline_s: float = CANCEL_DEADLINE_S,
        kill_grace_s: float = KILL_GRACE_S,
    ) -> None:
        self._command = tuple(command)
        self._environment = environment
        self._fork = fork
        self._kill_grace_s = kill_grace_s
        self._cancel_deadline_s = cancel_deadline_s
        self._starting: asyncio.Task[None] | None = None
        self._process: _Worker | None = None
        self._undying: _Worker | None = None  # killed, and still there
        self._rendering: str | None = None
        self._ready = False  # whether the present worker has said so
        self._ordered = False  # whether it has been given the order
        self._stop_wanted = False
        self._suspend_wanted = False
        self._timers: tuple[asyncio.TimerHandle, ...] = ()  # of the stop that was asked for

    @property
    def process_id(self) -> int | None:
        """The worker's, or None where none runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def render(self, order: RenderOrder) -> AsyncGenerator[RenderReport, None]:
        self._rendering, finished = order.job_id, False
        self._stop_wanted = self._suspend_wanted = False
        try:
            process = await self._running()
            await self._ask(process, wire.Render(order))
            self._ordered = True
            if self._suspend_wanted:
                await self._ask(process, wire.Suspend(order.job_id))
            if self._stop_wanted:
                await self._ask_to_stop(process)
            while not finished:
                report = await self._receive(process)
                if isinstance(report, VideoStaged):
                    finished = True
                    self._end_order()  # from here a cancel comes too late to kill the worker
                if report is not None:
                    yield report
        except _OrderEnded as ended:
            # One that never got ready is of no use, either.
            finished = self._ready and not isinstance(ended.error, _POISONING)
            raise ended.error from None
        finally:
            self._end_order()
            if not finished:
                await self._kill()

    async def cancel(self, job_id: str) -> None:
        if job_id != self._rendering or self._stop_wanted:
            return
        self._stop_wanted = True
        if self._ordered and self._process is not None:
            await self._ask_to_stop(self._process)
        elif self._starting is not None:
            loop = asyncio.get_running_loop()
            self._timers = (loop.call_later(self._cancel_deadline_s, self._starting.cancel),)

    async def suspend(self, job_id: str) -> None:
        if job_id != self._rendering or self._suspend_wanted:
            return
        self._suspend_wanted = True
        if self._ordered and self._process is not None:
            await self._ask(self._process, wire.Suspend(job_id))

    async def close(self) -> None:
        if self._starting is not None:
            await _end(self._starting)
        await self._kill()

    async def _running(self) -> _Worker:
        if self._undying is not None and self._undying.returncode is None:
            raise WorkerUnavailable(
                f"The worker process {self._undying.pid} was killed, but hangs in the kernel and may "
                "hold its GPU. No other is started beside it; restart the machine if it stays."
            )
        self._undying = None
        if self._process is None or self._process.returncode is not None:
            await self._start()
        assert self._process is not None, "it has just been started"
        return self._process

    async def _start(self) -> None:
        """Start a new one. `cancel` and `close` can end the start itself: what forks it may hang."""
        self._process, self._ready = None, False
        self._starting = starting = asyncio.create_task(self._fork_or_spawn())
        try:
            await asyncio.wait([starting])
        finally:
            await _end(starting)
            self._starting = None
        if starting.cancelled():
            stopped = WorkerUnavailable("The worker was stopped before it had started.")
            raise _OrderEnded(RenderCancelled() if self._stop_wanted else stopped)
        starting.result()

    async def _fork_or_spawn(self) -> None:
        try:
            forked = await self._fork() if self._fork is not None else None
            self._process = forked or await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, env=self._environment
            )
        except OSError as error:
            raise WorkerUnavailable(f"No worker can be started: {error.strerror}.") from error
        told = {"process_id": self._process.pid, "forked": forked is not None}
        _log.info("worker started", extra=told)

    async def _ask_to_stop(self, process: _Worker) -> None:
        loop = asyncio.get_running_loop()
        assert process.stdout is not None, "started with a pipe"
        hangs_s = self._cancel_deadline_s + self._kill_grace_s
        self._timers = (
            loop.call_later(self._cancel_deadline_s, _kill_now, process),
            # One that hangs in the kernel keeps its end of the pipe open: we wait no longer for it.
            loop.call_later(hangs_s, process.stdout.feed_eof),
        )
        await self._ask(process, wire.Cancel(self._rendering or ""))

    @staticmethod
    async def _ask(process: _Worker, command: wire.Command) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # `render` finds out by itself
            await _write(process, command)

    async def _receive(self, process: _Worker) -> RenderReport | None:
        """The next report; None for a word that is the worker's own."""
        assert process.stdout is not None, "started with a pipe"
        try:
            head = await process.stdout.readexactly(wire.LENGTH_BYTES)
            body = await process.stdout.readexactly(wire.body_length(head))
        except asyncio.IncompleteReadError:
            raise await self._death(process) from None
        answer: wire.Answer = wire.decode_answer(body)
        match answer:
            case wire.Ready():
                self._ready = True
                return None
            case wire.Staged(video=video):
                return VideoStaged(video=video)
            case wire.Failed(code=code, message=message):
                raise _OrderEnded(error_for(code, message))
        return answer.report

    async def _death(self, process: _Worker) -> Exception:
        """What the end of the worker's pipe means for the order it had."""
        try:
            await asyncio.wait_for(process.wait(), _EXIT_GRACE_S)
        except TimeoutError:  # it closed its pipe and hangs, in a driver perhaps
            await self._kill()
        status = process.returncode
        _log.warning("worker ended", extra={"process_id": process.pid, "status": status})
        if self._stop_wanted:
            return RenderCancelled()
        if not self._ready:
            return WorkerUnavailable(f"The worker process {_describe(status)} before it was ready.")
        return WorkerCrashed(f"The worker process {_describe(status)}.")

    async def _kill(self) -> None:
        """Kill the worker and wait for its end, but not for ever."""
        process, self._process = self._process, None
        if process is None:
            return
        _kill_now(process)
        try:
            await asyncio.wait_for(process.wait(), self._kill_grace_s)
        except TimeoutError:
            self._undying = process
            _log.error("a killed worker does not end", extra={"process_id": process.pid})

    def _end_order(self) -> None:
        self._rendering, self._ordered = None, False
        for timer in self._timers:
            timer.cancel()
        self._timers = ()


class _OrderEnded(Exception):
    """The worker answered with an error, and is ready for the next order."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def _write(process: _Worker, command: wire.Command) -> None:
    assert process.stdin is not None, "started with a pipe"
    process.stdin.write(wire.frame(command))
    await process.stdin.drain()


def _kill_now(process: _Worker) -> None:
    if process.returncode is None:
        process.kill()


def _describe(status: int | None) -> str:
    if status is None:
        return "hangs in the kernel and cannot be killed"
    if status == UNSEEN:
        return "ended unseen: what it was forked from was gone"
    if status >= 0:
        return f"exited with code {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
