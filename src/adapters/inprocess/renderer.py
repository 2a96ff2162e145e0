"""A renderer in this very process, on a thread: for tests and for machines that want no second process."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from typing import TypeAlias

from domain.ports import renderer
from domain.rendering import (
    RenderOrder,
    RenderProgress,
    RenderReport,
    Report,
    VideoStaged,
)
from domain.stopping import Stopping
from domain.video import VideoFile
from domain.watchdog import Moments

#: Blocks until the order's file is staged; what its report raises ends it. The last argument says
#: whether it is to save what it has, and go.
CarryOut: TypeAlias = Callable[[RenderOrder, Report, Callable[[], bool]], VideoFile]


class InProcessRenderer(renderer.Renderer):
    """Runs `carry_out` for one order at a time."""

    def __init__(self, carry_out: CarryOut, give_back: Callable[[], None]) -> None:
        """`give_back`: has the pipeline keep no weights; called while nothing runs."""
        self._carry_out = carry_out
        self._give_back = give_back
        self._rendering: str | None = None
        self._stopping = Stopping()

    async def render(self, order: RenderOrder) -> AsyncGenerator[RenderReport, None]:
        loop = asyncio.get_running_loop()
        stopping = self._stopping = Stopping()
        moments = Moments(now=time.monotonic())
        reports: asyncio.Queue[RenderProgress | None] = asyncio.Queue()

        def report(progress: RenderProgress) -> None:
            if moments.is_worth_telling(progress, now=time.monotonic()):
                loop.call_soon_threadsafe(reports.put_nowait, progress)
            stopping.obey(progress)

        def run() -> VideoFile:
            try:
                return self._carry_out(order, report, lambda: stopping.wants_out)
            finally:
                loop.call_soon_threadsafe(reports.put_nowait, None)

        self._rendering = order.job_id
        running = asyncio.create_task(asyncio.to_thread(run))
        try:
            while (progress := await reports.get()) is not None:
                yield progress
            yield VideoStaged(video=await running)
        finally:
            stopping.cancel()
            self._rendering = None
            await asyncio.wait([running])
            if not running.cancelled():
                running.exception()  # an abandoned run's end is nobody's to hear

    async def cancel(self, job_id: str) -> None:
        if job_id == self._rendering:
            self._stopping.cancel()

    async def suspend(self, job_id: str) -> None:
        if job_id == self._rendering:
            self._stopping.suspend()

    async def close(self) -> None:
        self._stopping.cancel()
        if self._rendering is None:  # else the process is about to end
            await asyncio.to_thread(self._give_back)
