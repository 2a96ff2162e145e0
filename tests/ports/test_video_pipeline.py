"""The contract of `VideoPipeline`, on every adapter; `diffusers` runs the embedded `mini`."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

import adapters.embedded
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from adapters.synthetic.video_pipeline import SyntheticVideoPipeline
from domain.errors import RenderCancelled
from domain.generation import GenerationRequest
from domain.local_checkpoint import LocalCheckpoint
from domain.ports.video_pipeline import VideoPipeline
from domain.progress import Stage
from domain.rendering import RenderProgress, StageEntered, StepFinished
from domain.video import FrameChunk
from tests.fakes.examples import a_request
from tests.fakes.video_pipeline import FakeVideoPipeline

REQUEST = a_request(width=32, height=32, num_frames=9, steps=4)
ALL_OF_IT: list[RenderProgress] = [
    StageEntered(stage=Stage.ENCODING_PROMPT),
    StageEntered(stage=Stage.DENOISING),
    *(StepFinished(step=step) for step in range(1, 5)),
    StageEntered(stage=Stage.DECODING),
]


def _diffusers() -> VideoPipeline:
    from adapters.diffusers.video_pipeline import DiffusersVideoPipeline

    return DiffusersVideoPipeline()


@pytest.fixture(
    scope="module",
    params=[
        FakeVideoPipeline,
        SyntheticVideoPipeline,
        pytest.param(_diffusers, marks=pytest.mark.slow),
    ],
)
def pipeline(request: pytest.FixtureRequest) -> Iterator[VideoPipeline]:
    with closing(request.param()) as pipeline:
        yield pipeline


@pytest.fixture(scope="module")
def mini() -> LocalCheckpoint:
    return FilesystemCheckpointCatalog([Path(adapters.embedded.__path__[0])]).find("mini")


def frames(
    pipeline: VideoPipeline, mini: LocalCheckpoint, request: GenerationRequest = REQUEST
) -> bytes:
    chunks = pipeline.generate(request, mini, lambda _progress: None)
    return b"".join(chunk.rgb.tobytes() for chunk in chunks)


def test_all_frames_come_in_chunks_of_the_size_asked(
    pipeline: VideoPipeline, mini: LocalCheckpoint
) -> None:
    chunks = list(pipeline.generate(REQUEST, mini, lambda _progress: None))

    assert sum(chunk.num_frames for chunk in chunks) == 9
    for chunk in chunks:
        assert (chunk.height, chunk.width) == (32, 32)
        assert chunk.rgb.nbytes == chunk.num_frames * 32 * 32 * 3
        assert chunk.rgb.c_contiguous


def test_the_same_request_gives_the_same_bytes(
    pipeline: VideoPipeline, mini: LocalCheckpoint
) -> None:
    assert frames(pipeline, mini) == frames(pipeline, mini)


def test_another_seed_gives_another_video(pipeline: VideoPipeline, mini: LocalCheckpoint) -> None:
    other = a_request(width=32, height=32, num_frames=9, steps=4, seed=8)

    assert frames(pipeline, mini) != frames(pipeline, mini, other)


def test_progress_is_reported_in_order(pipeline: VideoPipeline, mini: LocalCheckpoint) -> None:
    reports: list[RenderProgress] = []

    list(pipeline.generate(REQUEST, mini, reports.append))

    assert reports == ALL_OF_IT


@pytest.mark.parametrize("number", range(len(ALL_OF_IT)))
def test_a_run_can_be_ended_at_any_report_and_the_next_is_not_tainted(
    number: int, pipeline: VideoPipeline, mini: LocalCheckpoint
) -> None:
    untouched = frames(pipeline, mini)
    left = iter(range(number))

    def report(_progress: RenderProgress) -> None:
        if next(left, None) is None:
            raise RenderCancelled

    with pytest.raises(RenderCancelled):
        list(pipeline.generate(REQUEST, mini, report))
    assert frames(pipeline, mini) == untouched


def test_a_run_that_is_abandoned_while_decoding_does_not_taint_the_next(
    pipeline: VideoPipeline, mini: LocalCheckpoint
) -> None:
    untouched = frames(pipeline, mini)
    run = cast("Iterator[FrameChunk]", pipeline.generate(REQUEST, mini, lambda _progress: None))
    next(run)

    run.close()  # type: ignore[attr-defined]

    assert frames(pipeline, mini) == untouched


def test_a_closed_pipeline_loads_again(pipeline: VideoPipeline, mini: LocalCheckpoint) -> None:
    before = frames(pipeline, mini)

    pipeline.close()

    assert frames(pipeline, mini) == before
