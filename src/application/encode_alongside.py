"""Frames are encoded on a thread of their own, while the next ones are decoded."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from domain.ports.video_encoder import Footage
from domain.video import FrameChunk

#: Chunks that may wait for the encoder: memory stays bounded, and neither waits for the other's every move.
CHUNKS_AHEAD: Final = 2


def encode_alongside(
    encode: Callable[[Iterable[FrameChunk]], Footage], chunks: Iterable[FrameChunk]
) -> Footage:
    """What `encode` makes of `chunks`, which are made on the caller's own thread.

    Raises:
        Whatever either raises, once the encoder has ended. Where `chunks` raised, it was cut short.
    """
    line = _Line()
    with ThreadPoolExecutor(1, thread_name_prefix="encoder") as pool:
        encoding = pool.submit(line.served_by, encode)
        try:
            for chunk in chunks:
                if not line.take(chunk):
                    break
        except BaseException:
            line.end(cut_short=True)
            raise  # the pool waits for the encoder's end
        line.end()
        return encoding.result()


class _CutShort(Exception):
    """There will be no more chunks, and what was written is of no use."""


class _Line:
    """The chunks that wait between the two threads."""

    def __init__(self) -> None:
        # One place more than chunks: for the word that ends it.
        self._waiting: queue.Queue[FrameChunk | None] = queue.Queue(CHUNKS_AHEAD + 1)
        self._room = threading.Semaphore(CHUNKS_AHEAD)
        self._is_served = True
        self._cut_short = False

    def take(self, chunk: FrameChunk) -> bool:
        """Have `chunk` wait, once there is room. False where the encoder has ended before."""
        self._room.acquire()
        if self._is_served:
            self._waiting.put(chunk)
        return self._is_served

    def end(self, *, cut_short: bool = False) -> None:
        """There are no more."""
        self._cut_short = cut_short
        self._waiting.put(None)

    def served_by(self, encode: Callable[[Iterable[FrameChunk]], Footage]) -> Footage:
        """On the encoder's thread: `encode` what comes."""
        try:
            return encode(self._chunks())
        finally:
            self._is_served = False
            self._room.release()  # whoever waits for room finds nobody to wait for

    def _chunks(self) -> Iterator[FrameChunk]:
        while (chunk := self._waiting.get()) is not None:
            self._room.release()
            yield chunk
        if self._cut_short:
            raise _CutShort
