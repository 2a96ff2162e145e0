"""A renderer in this very process, on a thread: for tests and for machines that want no second process."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable

from domain.errors import RenderCancelled
from domain.ports import renderer
from domain.rendering import RenderOrder, RenderProgress, RenderReport, Report, VideoStaged
from domain.video import VideoFile


class InProcessRenderer(renderer.Renderer):
    """Runs `carry_out` for one order at a time.

    Args:
        carry_out: blocks until the order's file is staged; what its report raises ends it.
    """

    def __init__(self, carry_out: Callable[[RenderOrder, Report], VideoFile]) -> None:
        self._carry_out = carry_out
        self._rendering: str | None = None
        self._stop = threading.Event()

    async def render(self, order: RenderOrder) -> AsyncGenerator[RenderReport, None]:
        loop = asyncio.get_running_loop()
        reports: asyncio.Queue[RenderProgress | None] = asyncio.Queue()

        def report(progress: RenderProgress) -> None:
            if self._stop.is_set():
                raise RenderCancelled
            loop.call_soon_threadsafe(reports.put_nowait, progress)

        def run() -> VideoFile:
            try:
                return self._carry_out(order, report)
            finally:
                loop.call_soon_threadsafe(reports.put_nowait, None)

        self._rendering = order.job_id
        self._stop.clear()
        running = asyncio.create_task(asyncio.to_thread(run))
        try:
            while (progress := await reports.get()) is not None:
                yield progress
            yield VideoStaged(video=await running)
        finally:
            self._stop.set()
            self._rendering = None
            await asyncio.wait([running])
            if not running.cancelled():
                running.exception()  # an abandoned run's end is nobody's to hear

    async def cancel(self, job_id: str) -> None:
        if job_id == self._rendering:
            self._stop.set()

    async def close(self) -> None:
        self._stop.set()
