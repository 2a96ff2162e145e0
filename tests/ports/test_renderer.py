"""What every Renderer does: in this process, in a worker process, and in the fake.

Each runs three kinds of order: `good` ends with a video, `long` goes on until it is stopped, and
`failing` has no weights.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
import psutil
import pytest

from adapters.filesystem.artifact_store import FilesystemArtifactStore
from adapters.filesystem.resume_store import FilesystemResumeStore
from adapters.inprocess.renderer import InProcessRenderer
from adapters.pyav.video_encoder import PyAvVideoEncoder
from adapters.subprocess.fork_server import ForkServer
from adapters.subprocess.renderer import SubprocessRenderer
from adapters.synthetic.video_pipeline import SyntheticVideoPipeline
from adapters.system.clock import SystemClock
from application.render_video import RenderVideo
from application.resume_points import KeepResumePoints
from bootstrap.process_environment import worker_environment
from bootstrap.settings import load_settings
from domain.errors import CheckpointMissing, RenderCancelled, RenderError, RenderSuspended
from domain.ports.artifact_store import ArtifactStore
from domain.ports.renderer import Renderer
from domain.progress import Stage
from domain.rendering import (
    Noticed,
    RenderOrder,
    RenderProgress,
    RenderReport,
    Report,
    ResumePointSaved,
    RunMeasured,
    StageEntered,
    StepFinished,
    StillRunning,
)
from domain.rendering import VideoStaged as Staged
from domain.video import VideoFile
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.checkpoint_catalog import FakeCheckpointCatalog
from tests.fakes.examples import a_request
from tests.fakes.image_store import FakeImageStore
from tests.fakes.renderer import Deed, FakeRenderer, Hangs, Stages

Kind: TypeAlias = Literal["good", "long", "failing"]

PROGRESS: Sequence[RenderProgress] = (
    StageEntered(stage=Stage.ENCODING_PROMPT),
    StageEntered(stage=Stage.DENOISING),
    *(StepFinished(step=step) for step in (1, 2, 3)),
    ResumePointSaved(step=4),
    StepFinished(step=4),
    StageEntered(stage=Stage.DECODING),
    StageEntered(stage=Stage.ENCODING_VIDEO),
)

REQUESTS = {
    "good": a_request(steps=4),
    # Seconds of encoding, in which no stage ends: nobody hears of the end before it is stopped.
    "long": a_request(steps=4, width=512, height=512, num_frames=81),
    "failing": a_request(checkpoint="t2v-A14B"),
}

SCRIPTS: dict[Kind, Sequence[Deed]] = {
    "good": (*PROGRESS, Stages()),
    "long": (*PROGRESS, Hangs()),
    "failing": (CheckpointMissing(),),
}


def order(kind: Kind, job_id: str = "gen_1", fence: int = 1) -> RenderOrder:
    return RenderOrder(job_id=job_id, fence=fence, request=REQUESTS[kind])


def an_order(job_id: str = "gen_1", **changes: Any) -> RenderOrder:
    return RenderOrder(job_id=job_id, fence=1, request=a_request(**changes))


async def reports_of(renderer: Renderer, order: RenderOrder) -> list[RenderReport]:
    return [report async for report in renderer.render(order)]


def worker_command(data_dir: Path, **more: float) -> list[str]:
    """A real worker that draws test cards."""
    told = {
        "data_dir": str(data_dir),
        "pipeline.backend": "synthetic",
        "log.level": "ERROR",
        **more,
    }
    settings = msgspec.json.encode(load_settings(overrides=told, environment={})).decode()
    return [sys.executable, "-m", "bootstrap.worker", settings]


@dataclass(frozen=True)
class Rig:
    """A renderer, where its files go, and whether anything of it still works on an order."""

    renderer: Renderer
    store: ArtifactStore
    is_busy: Callable[[], bool]
    fork_server: ForkServer | None = None

    async def close(self) -> None:
        await self.renderer.close()
        if self.fork_server is not None:
            await self.fork_server.close()

    async def video(self, order: RenderOrder) -> VideoFile:
        *_, last = await reports_of(self.renderer, order)
        assert isinstance(last, Staged)
        return last.video


def _fake(folder: Path, kinds: Sequence[Kind]) -> Rig:
    store = FakeArtifactStore(folder)
    renderer = FakeRenderer(store, *(SCRIPTS[kind] for kind in kinds))
    return Rig(renderer, store, lambda: False)


def _inprocess(folder: Path, _kinds: Sequence[Kind]) -> Rig:
    store = FilesystemArtifactStore(staging=folder / "staging", outputs=folder / "outputs")
    # Steps that take a moment: a run must end between two of them.
    pipeline = SyntheticVideoPipeline(seconds_per_step=0.02)
    resume = KeepResumePoints(FilesystemResumeStore(folder / "resume"), SystemClock())
    catalog, encoder = FakeCheckpointCatalog("mini"), PyAvVideoEncoder()
    render = RenderVideo(
        catalog, pipeline, encoder, store, FakeImageStore(folder), resume, version="1.2.3"
    )
    running: list[str] = []

    def carry_out(order: RenderOrder, report: Report, wants_out: Callable[[], bool]) -> VideoFile:
        running.append(order.job_id)
        try:
            return render.execute(order, report, wants_out)
        finally:
            running.remove(order.job_id)

    renderer = InProcessRenderer(carry_out, pipeline.close)
    return Rig(renderer, store, lambda: bool(running))


def _subprocess(folder: Path, _kinds: Sequence[Kind]) -> Rig:
    command, environment = worker_command(folder), worker_environment(None)
    forking = [sys.executable, "-m", "bootstrap.fork_server", command[3]]
    fork_server = ForkServer(forking, environment=environment)
    renderer = SubprocessRenderer(
        command, environment=environment, fork=lambda: fork_server.fork(("0", "", ""))
    )
    store = FilesystemArtifactStore(staging=folder / "staging", outputs=folder / "outputs")
    return Rig(renderer, store, lambda: renderer.process_id is not None, fork_server)


RigOf: TypeAlias = Callable[..., Rig]


@pytest.fixture(
    params=[
        pytest.param(_inprocess, id="inprocess"),
        pytest.param(_subprocess, id="subprocess", marks=pytest.mark.slow),
        pytest.param(_fake, id="fake"),
    ]
)
async def rig_of(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RigOf]:
    """A rig for orders of those kinds, in that order; closed after the test, leaving no process."""
    made: list[Rig] = []

    def make(*kinds: Kind) -> Rig:
        made.append(request.param(tmp_path, kinds))
        return made[-1]

    yield make
    for rig in made:
        await rig.close()
    assert not psutil.Process().children(recursive=True)


async def test_reports_come_in_the_order_of_the_work_and_the_video_last(rig_of: RigOf) -> None:
    rig = rig_of("good")

    *progress, last = await reports_of(rig.renderer, order("good"))

    # What its flat frames look like, what they took, and that a busy machine took its time, is not of the work.
    made = [told for told in progress if not isinstance(told, RunMeasured | Noticed | StillRunning)]
    assert made == list(PROGRESS)
    assert isinstance(last, Staged)


async def test_the_video_is_what_was_asked_and_can_be_published(rig_of: RigOf) -> None:
    rig = rig_of("good")

    video = await rig.video(order("good"))
    published = rig.store.publish("gen_1", 1, sha256=video.sha256)

    request = REQUESTS["good"]
    assert (video.width, video.height) == (request.width, request.height)
    assert (video.num_frames, video.fps) == (request.num_frames, request.fps)
    assert published.stat().st_size == video.size_bytes


async def test_one_order_after_another(rig_of: RigOf) -> None:
    rig = rig_of("good")

    first = await rig.video(order("good"))
    second = await rig.video(order("good", "gen_2"))

    rig.store.publish("gen_1", 1, sha256=first.sha256)
    rig.store.publish("gen_2", 1, sha256=second.sha256)


async def test_a_cancelled_order_ends_as_cancelled_and_the_next_one_runs(rig_of: RigOf) -> None:
    rig = rig_of("long", "good")

    with pytest.raises(RenderCancelled):
        await _cancelled_at_once(rig, order("long"))

    await rig.video(order("good", "gen_2"))


async def test_an_order_is_cancelled_from_another_task(rig_of: RigOf) -> None:
    rig = rig_of("long")
    rendering = rig.renderer.render(order("long"))
    await anext(rendering)
    waiting = asyncio.create_task(_drain(rendering))

    await rig.renderer.cancel("gen_1")

    with pytest.raises(RenderCancelled):
        await asyncio.wait_for(waiting, timeout=20)


async def test_a_suspended_order_ends_as_suspended_and_the_job_goes_on_later(
    rig_of: RigOf,
) -> None:
    rig = rig_of("long", "good")

    with pytest.raises(RenderSuspended):
        async for _ in rig.renderer.render(order("long")):
            await rig.renderer.suspend("gen_1")

    await rig.video(order("good", fence=2))


async def test_a_suspended_order_can_still_be_cancelled(rig_of: RigOf) -> None:
    rig = rig_of("long")

    with pytest.raises((RenderCancelled, RenderSuspended)):
        async for _ in rig.renderer.render(order("long")):
            await rig.renderer.suspend("gen_1")
            await rig.renderer.cancel("gen_1")


async def test_suspending_another_job_disturbs_nothing(rig_of: RigOf) -> None:
    rig = rig_of("good")
    await rig.renderer.suspend("gen_1")
    reports = []

    async for report in rig.renderer.render(order("good")):
        await rig.renderer.suspend("gen_2")
        reports.append(report)

    assert isinstance(reports[-1], Staged)
    await rig.video(order("good", "gen_2"))


async def test_cancelling_another_job_disturbs_nothing(rig_of: RigOf) -> None:
    rig = rig_of("good")
    await rig.renderer.cancel("gen_1")
    reports = []

    async for report in rig.renderer.render(order("good")):
        await rig.renderer.cancel("gen_2")
        reports.append(report)

    assert isinstance(reports[-1], Staged)
    await rig.video(order("good", "gen_2"))


async def test_a_cancelled_job_may_be_rendered_again(rig_of: RigOf) -> None:
    # A worker that remembered the job's id as cancelled would refuse every later attempt.
    rig = rig_of("long", "good")
    with pytest.raises(RenderCancelled):
        await _cancelled_at_once(rig, order("long"))

    await rig.video(order("good", fence=2))


async def test_a_cancel_that_comes_too_late_is_nobodys(rig_of: RigOf) -> None:
    # The video is whole: neither this run nor the job's next one is stopped by it.
    rig = rig_of("good")
    async with aclosing(rig.renderer.render(order("good"))) as rendering:
        async for report in rendering:
            if isinstance(report, Staged):
                await rig.renderer.cancel("gen_1")

    await rig.video(order("good", fence=2))


async def test_an_error_travels_with_its_code_and_the_next_order_runs(rig_of: RigOf) -> None:
    rig = rig_of("failing", "good")

    with pytest.raises(CheckpointMissing) as caught:
        await reports_of(rig.renderer, order("failing"))

    assert caught.value.code == "model-missing"
    assert caught.value.message
    await rig.video(order("good", "gen_2"))


async def test_closing_the_iterator_early_stops_the_run(rig_of: RigOf) -> None:
    rig = rig_of("long", "good")

    async with aclosing(rig.renderer.render(order("long"))) as reports:
        await anext(reports)

    assert not rig.is_busy()
    await rig.video(order("good", "gen_2"))


async def test_a_task_that_is_cancelled_while_it_waits_leaves_nothing_running(
    rig_of: RigOf,
) -> None:
    # The server stops: whatever it waits for, nothing goes on behind its back.
    rig = rig_of("long", "good")
    waiting = asyncio.create_task(reports_of(rig.renderer, order("long")))
    await asyncio.sleep(0.2)

    waiting.cancel()
    await asyncio.wait([waiting])

    assert waiting.cancelled()
    assert not rig.is_busy()
    await rig.video(order("good", "gen_2"))


async def test_closing_ends_what_runs_and_may_be_repeated(rig_of: RigOf) -> None:
    rig = rig_of("long")
    rendering = rig.renderer.render(order("long"))
    await anext(rendering)
    waiting = asyncio.create_task(_drain(rendering))

    await rig.renderer.close()
    await rig.renderer.close()

    with pytest.raises(RenderError):
        await asyncio.wait_for(waiting, timeout=20)
    assert not rig.is_busy()


async def test_closing_before_the_first_order_is_fine(rig_of: RigOf) -> None:
    await rig_of("good").renderer.close()


async def test_an_abandoned_run_is_not_reported_as_a_bug(
    rig_of: RigOf, caplog: pytest.LogCaptureFixture
) -> None:
    # asyncio used to log "Task exception was never retrieved", with a traceback, for every one.
    rig = rig_of("long")

    async with aclosing(rig.renderer.render(order("long"))) as reports:
        await anext(reports)
    del reports

    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def _cancelled_at_once(rig: Rig, order: RenderOrder) -> None:
    async for _ in rig.renderer.render(order):
        await rig.renderer.cancel(order.job_id)


async def _drain(rendering: AsyncIterator[RenderReport]) -> None:
    async for _ in rendering:
        pass


def test_the_long_order_differs_from_the_good_one_in_size_alone() -> None:
    size = {"width": 16, "height": 16, "num_frames": 5}

    assert replace(REQUESTS["long"], **size) == REQUESTS["good"]


async def test_a_renderer_that_was_closed_renders_again(rig_of: RigOf) -> None:
    rig = rig_of("good", "good")
    first = await rig.video(order("good"))

    await rig.renderer.close()

    assert not rig.is_busy()
    assert (await rig.video(order("good", "gen_2"))).num_frames == first.num_frames
