"""The worker's end of the pipe: orders in, reports out, and an end when the server is gone."""

import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from io import FileIO
from typing import Final

from adapters.subprocess import wire
from domain.errors import DomainError
from domain.progress import Stage
from domain.rendering import RenderOrder, RenderProgress, StageEntered, StepFinished
from domain.stopping import Stopping
from domain.video import VideoFile
from domain.watchdog import Moments

_log = logging.getLogger(__name__)

#: Seconds without an order after which a worker is idle: a full queue's next one comes in milliseconds.
IDLE_S: Final = 1.0
#: Seconds a run has to notice that the server is gone, before the process ends under it.
ORPHAN_GRACE_S: Final = 5.0
#: While denoising it has two of its steps, to end the present one and save it, and some seconds more;
#: but never longer than this: the next server's worker needs the GPU, and loses more by waiting.
_SAVING_S: Final = 2.0
MAX_ORPHAN_GRACE_S: Final = 60.0


class WorkerChannel:
    """Listens on a thread of its own, so that a cancel is heard while the GPU works."""

    def __init__(self, inward: FileIO, outward: FileIO) -> None:
        """Takes the pipe's two ends, unbuffered.

        A buffer's lock, held by the listening thread, would abort the interpreter when the worker
        ends by itself.
        """
        self._inward = inward
        self._outward = outward
        self._orders: queue.SimpleQueue[tuple[RenderOrder, Stopping] | None] = queue.SimpleQueue()
        self._stopping = Stopping()
        self._steps, self._moments = _StepTime(), Moments(now=time.monotonic())
        threading.Thread(target=self._listen, name="commands", daemon=True).start()

    @classmethod
    def over_standard_streams(cls) -> "WorkerChannel":
        """Take standard input and output for the pipe; whatever prints goes to standard error."""
        inward = FileIO(os.dup(sys.stdin.fileno()), "rb")
        outward = FileIO(os.dup(sys.stdout.fileno()), "wb")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        return cls(inward, outward)

    def ready(self) -> None:
        """Tell the server that orders can be carried out."""
        self._answer(wire.Ready())

    def orders(self, when_idle: Callable[[], None]) -> Iterator[RenderOrder]:
        """Orders as they come, until the server closes the pipe.

        Args:
            when_idle: called once in every pause that is longer than `IDLE_S`.
        """
        while (heard := self._next(when_idle)) is not None:
            order, self._stopping = heard
            self._steps, self._moments = _StepTime(), Moments(now=time.monotonic())
            yield order

    def report(self, progress: RenderProgress) -> None:
        """Tell the server. Raises `RenderCancelled` or `RenderSuspended` where the run is to end here.

        Where the server is gone, the run hands its job back.
        """
        self._steps.follow(progress)
        is_told = self._moments.is_worth_telling(progress, now=time.monotonic())
        if is_told and not self._answer(wire.progress_of(progress)):
            self._stopping.suspend()
        self._stopping.obey(progress)

    def wants_out(self) -> bool:
        """Whether the present run was asked to hand its job back."""
        return self._stopping.wants_out

    def staged(self, video: VideoFile) -> None:
        """Tell the server that the order is carried out."""
        self._answer(wire.Staged(video))

    def failed(self, error: DomainError) -> None:
        """Tell the server how the order ended."""
        self._answer(wire.Failed(error.code, error.message))

    def _answer(self, answer: wire.Answer) -> bool:
        """Whether the server can have heard it; where it is gone, nobody is left to tell."""
        try:
            self._outward.write(wire.frame(answer))
        except BrokenPipeError:
            return False
        return True

    def _next(self, when_idle: Callable[[], None]) -> tuple[RenderOrder, Stopping] | None:
        try:
            return self._orders.get(timeout=IDLE_S)
        except queue.Empty:
            when_idle()
        return self._orders.get()

    def _listen(self) -> None:
        job_id, stopping = "", Stopping()
        while (command := self._read()) is not None:
            match command:
                case wire.Render(order=order):
                    # Whatever was asked before was meant for another attempt.
                    job_id, stopping = order.job_id, Stopping()
                    self._orders.put((order, stopping))
                case wire.Cancel(job_id=named) if named == job_id:
                    stopping.cancel()
                case wire.Suspend(job_id=named) if named == job_id:
                    stopping.suspend()
        stopping.suspend()
        self._orders.put(None)
        # This thread is a daemon: a worker that stops by itself does not wait for it.
        time.sleep(self._steps.orphan_grace_s)
        _end_at_once()

    def _read(self) -> wire.Command | None:
        head = self._read_exactly(wire.LENGTH_BYTES)
        body = self._read_exactly(wire.body_length(head)) if head else b""
        return wire.decode_command(body) if body else None

    def _read_exactly(self, size: int) -> bytes:
        """Empty where the pipe ends before `size` bytes came."""
        read = b""
        while len(read) < size:
            part = self._inward.read(size - len(read))
            if not part:
                return b""
            read += part
        return read


class _StepTime:
    """How long the present run's steps take, by its reports."""

    def __init__(self) -> None:
        self._denoising = False
        self._since = 0.0
        self._last_s = 0.0

    def follow(self, progress: RenderProgress) -> None:
        now = time.monotonic()
        if isinstance(progress, StageEntered):
            self._denoising, self._since = progress.stage is Stage.DENOISING, now
        elif isinstance(progress, StepFinished):
            self._last_s, self._since = now - self._since, now

    @property
    def orphan_grace_s(self) -> float:
        """Seconds in which the run can save what it has, or end where there is nothing to save."""
        if not self._denoising:
            return ORPHAN_GRACE_S
        wanted = 2 * self._last_s + _SAVING_S
        return min(max(ORPHAN_GRACE_S, wanted), MAX_ORPHAN_GRACE_S)


def _end_at_once() -> None:
    _log.warning("the server is gone and the run did not stop: ending the worker")
    os._exit(1)
