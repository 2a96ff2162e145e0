"""The contract of `VideoPipeline`, on every adapter; `diffusers` runs the embedded `mini`."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

import adapters.embedded
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from adapters.synthetic.video_pipeline import SyntheticVideoPipeline
from domain.errors import RenderCancelled, RenderSuspended
from domain.generation import GenerationRequest
from domain.local_checkpoint import LocalCheckpoint
from domain.placement import ALL_ON_CPU
from domain.ports.video_pipeline import VideoPipeline
from domain.progress import Stage
from domain.rendering import RenderProgress, StageEntered, StepFinished, StillRunning
from domain.run import Run
from domain.video import FrameChunk
from tests.fakes.examples import a_request
from tests.fakes.resume_points import FakeResumePoints
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


def unheard(_progress: RenderProgress) -> None:
    """Nobody listens."""


def frames(
    pipeline: VideoPipeline, mini: LocalCheckpoint, request: GenerationRequest = REQUEST
) -> bytes:
    chunks = pipeline.generate(Run(request=request, checkpoint=mini), unheard, FakeResumePoints())
    return b"".join(chunk.rgb.tobytes() for chunk in chunks)


@pytest.mark.parametrize("in_tiles", [False, True])
def test_all_frames_come_in_chunks_of_the_size_asked(
    in_tiles: bool, pipeline: VideoPipeline, mini: LocalCheckpoint
) -> None:
    points = FakeResumePoints()
    chunks = list(
        pipeline.generate(Run(request=REQUEST, checkpoint=mini, in_tiles=in_tiles), unheard, points)
    )

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

    list(
        pipeline.generate(Run(request=REQUEST, checkpoint=mini), reports.append, FakeResumePoints())
    )

    assert [told for told in reports if told != StillRunning()] == ALL_OF_IT


def test_there_are_moments_to_stop_at_within_a_step_and_between_chunks(
    pipeline: VideoPipeline, mini: LocalCheckpoint
) -> None:
    reports: list[RenderProgress] = []

    list(
        pipeline.generate(Run(request=REQUEST, checkpoint=mini), reports.append, FakeResumePoints())
    )

    assert StillRunning() in reports[reports.index(ALL_OF_IT[2]) : reports.index(ALL_OF_IT[3])]
    assert StillRunning() in reports[reports.index(ALL_OF_IT[-1]) :]


@pytest.mark.parametrize("error", [RenderCancelled, RenderSuspended])
@pytest.mark.parametrize("number", range(len(ALL_OF_IT) + 1))
def test_a_run_can_be_ended_at_any_report_and_the_next_is_not_tainted(
    number: int, error: type[Exception], pipeline: VideoPipeline, mini: LocalCheckpoint
) -> None:
    untouched = frames(pipeline, mini)
    places = [*ALL_OF_IT, StillRunning()]

    def report(progress: RenderProgress) -> None:
        if progress == places[number]:
            raise error

    with pytest.raises(error):
        list(pipeline.generate(Run(request=REQUEST, checkpoint=mini), report, FakeResumePoints()))
    assert frames(pipeline, mini) == untouched


def test_a_run_that_is_abandoned_while_decoding_does_not_taint_the_next(
    pipeline: VideoPipeline, mini: LocalCheckpoint
) -> None:
    untouched = frames(pipeline, mini)
    run = cast(
        "Iterator[FrameChunk]",
        pipeline.generate(Run(request=REQUEST, checkpoint=mini), unheard, FakeResumePoints()),
    )
    next(run)

    run.close()  # type: ignore[attr-defined]

    assert frames(pipeline, mini) == untouched


def test_a_closed_pipeline_loads_again(pipeline: VideoPipeline, mini: LocalCheckpoint) -> None:
    before = frames(pipeline, mini)

    pipeline.close()

    assert frames(pipeline, mini) == before


def test_it_may_be_told_where_the_parts_are_to_lie(
    pipeline: VideoPipeline, mini: LocalCheckpoint
) -> None:
    chunks = pipeline.generate(
        Run(request=REQUEST, checkpoint=mini, placement=ALL_ON_CPU), unheard, FakeResumePoints()
    )

    assert sum(chunk.num_frames for chunk in chunks) == 9
    peak = pipeline.peak_accelerator_bytes()
    assert peak is None or peak >= 0


@pytest.fixture(scope="module")
def unbroken(pipeline: VideoPipeline, mini: LocalCheckpoint) -> bytes:
    return frames(pipeline, mini)


@pytest.fixture(scope="module")
def points(pipeline: VideoPipeline, mini: LocalCheckpoint) -> dict[int, bytes]:
    """What a run saves after each of its steps."""
    resume = FakeResumePoints(due=(1, 2, 3, 4))
    list(pipeline.generate(Run(request=REQUEST, checkpoint=mini), unheard, resume))
    return resume.points


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_a_run_that_goes_on_makes_the_frames_of_the_unbroken_one(
    step: int,
    unbroken: bytes,
    points: dict[int, bytes],
    pipeline: VideoPipeline,
    mini: LocalCheckpoint,
) -> None:
    resume, reports = FakeResumePoints(points[step]), list[RenderProgress]()

    chunks = pipeline.generate(Run(request=REQUEST, checkpoint=mini), reports.append, resume)
    made = b"".join(chunk.rgb.tobytes() for chunk in chunks)

    assert made == unbroken
    assert (resume.accepted, resume.rejected) == (step, None)
    steps = [told.step for told in reports if isinstance(told, StepFinished)]
    assert steps == list(range(step + 1, 5))


def test_after_the_last_step_only_decoding_is_left(
    points: dict[int, bytes], pipeline: VideoPipeline, mini: LocalCheckpoint
) -> None:
    reports: list[RenderProgress] = []

    list(
        pipeline.generate(
            Run(request=REQUEST, checkpoint=mini), reports.append, FakeResumePoints(points[4])
        )
    )

    assert {told for told in reports if told != StillRunning()} == {ALL_OF_IT[-1]}


@pytest.mark.parametrize("due", [(), (2,), (1, 3)])
def test_what_is_due_is_saved_before_it_is_told_and_the_last_step_always(
    due: tuple[int, ...], pipeline: VideoPipeline, mini: LocalCheckpoint
) -> None:
    resume = FakeResumePoints(due=due)
    saved_when_told = dict[int, list[int]]()

    def report(progress: RenderProgress) -> None:
        if isinstance(progress, StepFinished):
            saved_when_told[progress.step] = list(resume.points)

    list(pipeline.generate(Run(request=REQUEST, checkpoint=mini), report, resume))

    expected = (*due, 4)
    assert saved_when_told == {
        step: [saved for saved in expected if saved <= step] for step in (1, 2, 3, 4)
    }


@pytest.mark.parametrize("saved", [b"", b"no state at all", b"\x08" + bytes(40)])
def test_what_is_no_state_is_rejected_and_the_run_begins_anew(
    saved: bytes, unbroken: bytes, pipeline: VideoPipeline, mini: LocalCheckpoint
) -> None:
    resume = FakeResumePoints(saved)

    chunks = pipeline.generate(Run(request=REQUEST, checkpoint=mini), unheard, resume)

    assert b"".join(chunk.rgb.tobytes() for chunk in chunks) == unbroken
    assert resume.accepted is None
    assert resume.rejected


@pytest.mark.parametrize("changes", [{"seed": 8}, {"steps": 5}, {"prompt": "a blue square"}])
def test_another_requests_state_is_rejected(
    changes: dict[str, Any],
    points: dict[int, bytes],
    pipeline: VideoPipeline,
    mini: LocalCheckpoint,
) -> None:
    resume, other = FakeResumePoints(points[2]), replace(REQUEST, **changes)

    chunks = list(pipeline.generate(Run(request=other, checkpoint=mini), unheard, resume))

    assert b"".join(c.rgb.tobytes() for c in chunks) == frames(pipeline, mini, other)
    assert resume.accepted is None
    assert resume.rejected
