"""What every VideoPipeline does."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import adapters.embedded
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from adapters.synthetic.video_pipeline import SyntheticVideoPipeline
from domain.generation import GenerationRequest
from domain.local_checkpoint import LocalCheckpoint
from domain.ports.video_pipeline import VideoPipeline
from domain.progress import Stage
from domain.rendering import RenderProgress, StageEntered, StepFinished
from tests.fakes.examples import a_request
from tests.fakes.video_pipeline import FakeVideoPipeline

REPORTS = [
    StageEntered(stage=Stage.ENCODING_PROMPT),
    StageEntered(stage=Stage.DENOISING),
    *(StepFinished(step=step) for step in (1, 2, 3, 4)),
    StageEntered(stage=Stage.DECODING),
]


class Stop(Exception):
    """What a report raises to end the run."""


def _diffusers() -> VideoPipeline:
    from adapters.diffusers.video_pipeline import DiffusersVideoPipeline

    return DiffusersVideoPipeline()


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(_diffusers, id="diffusers", marks=pytest.mark.slow),
        pytest.param(SyntheticVideoPipeline, id="synthetic"),
        pytest.param(FakeVideoPipeline, id="fake"),
    ],
)
def pipeline(request: pytest.FixtureRequest) -> Iterator[VideoPipeline]:
    """One for all tests: each also shows that the one before it left no trace."""
    made: VideoPipeline = request.param()
    yield made
    made.close()


@pytest.fixture(scope="module")
def checkpoint() -> LocalCheckpoint:
    return FilesystemCheckpointCatalog([Path(adapters.embedded.__path__[0])]).find("mini")


@pytest.fixture
def generate(
    pipeline: VideoPipeline, checkpoint: LocalCheckpoint
) -> Callable[[GenerationRequest], bytes]:
    """All of a request's samples."""

    def samples(request: GenerationRequest) -> bytes:
        return b"".join(c.rgb.tobytes() for c in pipeline.generate(request, checkpoint, _ignore))

    return samples


Generate = Callable[[GenerationRequest], bytes]


def _ignore(_progress: RenderProgress) -> None:
    """Nobody watches."""


@pytest.mark.parametrize(("num_frames", "width", "height"), [(1, 16, 32), (5, 32, 16), (9, 16, 16)])
def test_the_chunks_together_hold_what_was_asked(
    pipeline: VideoPipeline, checkpoint: LocalCheckpoint, num_frames: int, width: int, height: int
) -> None:
    request = a_request(num_frames=num_frames, width=width, height=height)

    chunks = list(pipeline.generate(request, checkpoint, _ignore))

    assert sum(chunk.num_frames for chunk in chunks) == num_frames
    for chunk in chunks:
        assert (chunk.height, chunk.width) == (height, width)
        assert chunk.rgb.shape == (chunk.num_frames, height, width, 3)
        assert (chunk.rgb.format, chunk.rgb.c_contiguous) == ("B", True)


def test_a_long_video_comes_in_more_than_one_chunk(
    pipeline: VideoPipeline, checkpoint: LocalCheckpoint
) -> None:
    chunks = pipeline.generate(a_request(num_frames=17), checkpoint, _ignore)

    assert max(chunk.num_frames for chunk in chunks) < 17


def test_the_same_request_gives_the_same_bytes(generate: Generate) -> None:
    assert generate(a_request()) == generate(a_request())


def test_another_seed_gives_other_frames(generate: Generate) -> None:
    assert generate(a_request(seed=7)) != generate(a_request(seed=8))


def test_reports_come_in_the_order_of_the_work(
    pipeline: VideoPipeline, checkpoint: LocalCheckpoint
) -> None:
    reports: list[RenderProgress] = []

    chunks = pipeline.generate(a_request(steps=4), checkpoint, reports.append)
    next(chunks)

    assert reports == REPORTS, "all of it was told before the first frames came"
    list(chunks)
    assert reports == REPORTS


@pytest.mark.parametrize("last", REPORTS, ids=str)
def test_what_a_report_raises_ends_the_run_and_taints_no_other(
    pipeline: VideoPipeline,
    checkpoint: LocalCheckpoint,
    generate: Generate,
    last: RenderProgress,
) -> None:
    untouched = generate(a_request(seed=9))
    heard: list[RenderProgress] = []

    def report(progress: RenderProgress) -> None:
        heard.append(progress)
        if progress == last:
            raise Stop

    with pytest.raises(Stop):
        list(pipeline.generate(a_request(), checkpoint, report))

    assert heard == REPORTS[: REPORTS.index(last) + 1]
    assert generate(a_request(seed=9)) == untouched


def test_closing_the_iterator_early_taints_no_other_run(
    pipeline: VideoPipeline, checkpoint: LocalCheckpoint, generate: Generate
) -> None:
    untouched = generate(a_request(num_frames=9))

    abandoned = pipeline.generate(a_request(num_frames=9, seed=8), checkpoint, _ignore)
    next(abandoned)
    abandoned.close()  # type: ignore[attr-defined]  # every adapter's iterator is a generator

    assert generate(a_request(num_frames=9)) == untouched


def test_a_closed_pipeline_works_again(pipeline: VideoPipeline, generate: Generate) -> None:
    before = generate(a_request())

    pipeline.close()

    assert generate(a_request()) == before


def test_frames_handed_out_stay_as_they_were(
    pipeline: VideoPipeline, checkpoint: LocalCheckpoint
) -> None:
    chunks = [
        (chunk, chunk.rgb.tobytes())
        for chunk in pipeline.generate(a_request(num_frames=9), checkpoint, _ignore)
    ]

    assert all(chunk.rgb.tobytes() == samples for chunk, samples in chunks)


def test_the_test_card_tells_the_number_of_its_frame() -> None:
    # Whoever watches the synthetic backend sees at a glance that no frame is lost or doubled.
    request = a_request(num_frames=9, width=128, height=64)
    checkpoint = LocalCheckpoint(spec=None, folder=Path(os.devnull), components=())  # type: ignore[arg-type]

    numbers = []
    for chunk in SyntheticVideoPipeline().generate(request, checkpoint, _ignore):
        frames = chunk.rgb.cast("B").cast("B", (chunk.num_frames, 64, 128, 3))
        numbers += [
            sum((frames[f, 1, bit * 4 + 1, 0] == 255) << bit for bit in range(8))
            for f in range(chunk.num_frames)
        ]

    assert numbers == list(range(9))
