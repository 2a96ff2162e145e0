"""Each order ends with an answer, whatever happens in it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.worker.loop import work
from application.render_video import RenderVideo
from application.resume_points import KeepResumePoints
from domain.errors import (
    AcceleratorFault,
    DomainError,
    EncodingFailed,
    OutOfAcceleratorMemory,
    RenderCancelled,
    RenderSuspended,
)
from domain.ports.video_pipeline import VideoPipeline
from domain.rendering import RenderOrder, RenderProgress
from domain.video import VideoFile
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.checkpoint_catalog import FakeCheckpointCatalog
from tests.fakes.clock import FakeClock
from tests.fakes.examples import a_request
from tests.fakes.image_store import FakeImageStore
from tests.fakes.resume_store import FakeResumeStore
from tests.fakes.video_encoder import FakeVideoEncoder
from tests.fakes.video_pipeline import FakeVideoPipeline


class FakeChannel:
    """Gives its orders, ends the one named with `end`, and keeps the answers."""

    def __init__(
        self, *orders: str, ended: str | None = None, end: DomainError | None = None
    ) -> None:
        self._orders = orders
        self._ended = ended
        self._end = end or RenderCancelled()
        self._current = ""
        self.answers: list[str] = []

    def orders(self, when_idle: Callable[[], None]) -> Iterator[RenderOrder]:
        for job_id in self._orders:
            self._current = job_id
            yield RenderOrder(job_id=job_id, fence=1, request=a_request())

    def wants_out(self) -> bool:
        return False

    def report(self, progress: RenderProgress) -> None:
        if self._current == self._ended:
            raise self._end

    def staged(self, video: VideoFile) -> None:
        self.answers.append(f"{self._current} staged {video.num_frames} frames")

    def failed(self, error: DomainError) -> None:
        self.answers.append(f"{self._current} {error.code}: {error.message}")


def a_render(folder: Path, pipeline: VideoPipeline) -> RenderVideo:
    store = FakeArtifactStore(folder)
    resume = KeepResumePoints(FakeResumeStore(), FakeClock())
    catalog, encoder = FakeCheckpointCatalog("mini"), FakeVideoEncoder()
    return RenderVideo(
        catalog,
        pipeline,
        encoder,
        store,
        FakeImageStore(folder / "images"),
        resume,
        version="1.2.3",
    )


def test_orders_are_carried_out_one_after_another(tmp_path: Path) -> None:
    channel = FakeChannel("gen_1", "gen_2")

    work(channel, a_render(tmp_path, FakeVideoPipeline()))

    assert channel.answers == ["gen_1 staged 5 frames", "gen_2 staged 5 frames"]


@pytest.mark.parametrize("end", [RenderCancelled(), RenderSuspended()], ids=lambda end: end.code)
def test_an_order_that_was_stopped_is_answered_and_leaves_nothing_staged(
    end: DomainError, tmp_path: Path
) -> None:
    channel = FakeChannel("gen_1", "gen_2", ended="gen_1", end=end)

    work(channel, a_render(tmp_path, FakeVideoPipeline()))

    assert channel.answers[0] == f"gen_1 {end.code}: {end.message}"
    assert channel.answers[1] == "gen_2 staged 5 frames"
    assert [path.name for path in tmp_path.iterdir()] == ["gen_2.1"]


def test_a_foreseen_failure_keeps_its_code(tmp_path: Path) -> None:
    channel = FakeChannel("gen_1")

    work(channel, a_render(tmp_path, FakeVideoPipeline(EncodingFailed("It broke."))))

    assert channel.answers == ["gen_1 encoding-failed: It broke."]


@pytest.mark.parametrize(
    "error", [OutOfAcceleratorMemory("It is full."), AcceleratorFault("An illegal access.")]
)
def test_a_worker_whose_accelerator_is_not_what_it_was_ends_after_its_answer(
    error: DomainError, tmp_path: Path
) -> None:
    channel = FakeChannel("gen_1", "gen_2")

    work(channel, a_render(tmp_path, FakeVideoPipeline(error)))

    assert channel.answers == [f"gen_1 {error.code}: {error.message}"]


def test_a_bug_is_answered_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    channel = FakeChannel("gen_1")
    bug = ZeroDivisionError("division by zero")

    work(channel, a_render(tmp_path, FakeVideoPipeline(bug)))  # type: ignore[arg-type]

    assert channel.answers == [
        "gen_1 internal: The run failed: ZeroDivisionError: division by zero"
    ]
    assert "Traceback" in caplog.text
