"""A renderer that follows a script."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from domain.ports.artifact_store import ArtifactStore
from domain.ports.renderer import Renderer
from domain.progress import Stage
from domain.rendering import (
    RenderOrder,
    RenderProgress,
    RenderReport,
    StageEntered,
    StillRunning,
    VideoStaged,
)
from domain.stopping import Stopping
from domain.video import VideoFile


@dataclass(frozen=True, slots=True)
class Stages:
    """The file is written, sealed and reported: how every good run ends."""


@dataclass(frozen=True, slots=True)
class Hangs:
    """Nothing more comes until the run is cancelled or suspended."""


@dataclass(slots=True)
class Meets:
    """Signals `here`, then waits for `go`: for tests that act in the middle of a run."""

    here: asyncio.Event
    go: asyncio.Event


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """Something happens: time goes by, say."""

    happen: Callable[[], None]


Deed: TypeAlias = RenderProgress | Stages | Hangs | Meets | Meanwhile | BaseException

A_GOOD_RUN: Sequence[Deed] = (StageEntered(stage=Stage.ENCODING_PROMPT), Stages())


class FakeRenderer(Renderer):
    """Plays one script per order, the last one again and again.

    A script is a sequence of deeds: progress is reported, an exception raised, `Stages` leaves a real
    (tiny) file in the store, `Hangs` and `Meets` wait. Like a worker, it obeys a cancel at any report,
    and a suspension where that loses nothing: a script saves what it means to have saved.
    """

    def __init__(self, store: ArtifactStore, *scripts: Sequence[Deed]) -> None:
        self._store = store
        self._scripts = list(scripts or (A_GOOD_RUN,))
        self._job_id: str | None = None
        self._stopping, self._stopped = Stopping(), asyncio.Event()
        self.closed = False
        self.orders: list[RenderOrder] = []

    async def render(self, order: RenderOrder) -> AsyncGenerator[RenderReport, None]:
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        self.orders.append(order)
        self._job_id = order.job_id
        self._stopping, self._stopped = Stopping(), asyncio.Event()
        try:
            for deed in script:
                report = await self._do(deed, order)
                if report is not None:
                    yield report
                if not isinstance(report, VideoStaged):
                    self._stopping.obey(report or StillRunning())
        finally:
            self._job_id = None

    async def cancel(self, job_id: str) -> None:
        if job_id == self._job_id:
            self._stopping.cancel()
            self._stopped.set()

    async def suspend(self, job_id: str) -> None:
        if job_id == self._job_id:
            self._stopping.suspend()
            self._stopped.set()

    async def close(self) -> None:
        self.closed = True
        self._stopping.cancel()
        self._stopped.set()

    async def _do(self, deed: Deed, order: RenderOrder) -> RenderReport | None:
        match deed:
            case BaseException():
                raise deed
            case Stages():
                return VideoStaged(video=self._stage(order))
            case Meets(here=here, go=go):
                here.set()
                await go.wait()
                return None
            case Meanwhile(happen=happen):
                happen()
                return None
            case Hangs():
                await self._stopped.wait()
                return None
        return deed

    def _stage(self, order: RenderOrder) -> VideoFile:
        staged = self._store.stage(order.job_id, order.fence)
        staged.write_text(f"video of {order.job_id}, attempt {order.fence}")
        sealed = self._store.seal(staged)
        request = order.request
        return VideoFile(
            sha256=sealed.sha256,
            size_bytes=sealed.size_bytes,
            width=request.width,
            height=request.height,
            num_frames=request.num_frames,
            fps=request.fps,
            duration_s=request.num_frames / request.fps,
            codec="fake",
        )
