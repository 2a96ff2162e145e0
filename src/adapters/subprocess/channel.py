"""The worker's end of the pipe: orders in, reports out, and an end when the server is gone."""

import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator
from io import FileIO
from typing import Final

from adapters.subprocess import wire
from domain.errors import DomainError, RenderCancelled
from domain.rendering import RenderOrder, RenderProgress, StageEntered
from domain.video import VideoFile

_log = logging.getLogger(__name__)

#: Seconds a run has to notice that the server is gone, before the process ends under it.
ORPHAN_GRACE_S: Final = 5.0


class WorkerChannel:
    """Listens on a thread of its own, so that a cancel is heard while the GPU works."""

    def __init__(self, inward: FileIO, outward: FileIO) -> None:
        """Takes the pipe's two ends, unbuffered.

        A buffer's lock, held by the listening thread, would abort the interpreter when the worker
        ends by itself.
        """
        self._inward = inward
        self._outward = outward
        self._orders: queue.SimpleQueue[RenderOrder | None] = queue.SimpleQueue()
        self._cancelled: set[str] = set()
        self._rendering: str | None = None
        self._orphaned = threading.Event()
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

    def orders(self) -> Iterator[RenderOrder]:
        """Orders as they come, until the server closes the pipe."""
        while (order := self._orders.get()) is not None:
            self._rendering = order.job_id
            yield order
            self._rendering = None

    def report(self, progress: RenderProgress) -> None:
        """Tell the server. Raises `RenderCancelled` if it asked for an end, or is gone."""
        if self._orphaned.is_set() or self._rendering in self._cancelled:
            raise RenderCancelled
        told = wire.Stage(progress) if isinstance(progress, StageEntered) else wire.Step(progress)
        if not self._answer(told):
            raise RenderCancelled

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
            self._orphaned.set()
            return False
        return True

    def _listen(self) -> None:
        while (command := self._read()) is not None:
            match command:
                case wire.Render(order=order):
                    # What was cancelled came earlier, and was another attempt.
                    self._cancelled.discard(order.job_id)
                    self._orders.put(order)
                case wire.Cancel(job_id=job_id):
                    self._cancelled.add(job_id)
        self._orphaned.set()
        self._orders.put(None)
        # This thread is a daemon: a worker that stops by itself does not wait for it.
        time.sleep(ORPHAN_GRACE_S)
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


def _end_at_once() -> None:
    _log.warning("the server is gone and the run did not stop: ending the worker")
    os._exit(1)
