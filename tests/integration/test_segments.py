"""Videos made in several segments: bit for bit those of `WanAnimatePipeline`, wherever they are cut."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import WanAnimatePipeline
from PIL import Image

from adapters.diffusers.video_pipeline import DiffusersVideoPipeline
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from adapters.pyav.sandbox import write_clip
from domain.errors import OutOfAcceleratorMemory, RenderCancelled
from domain.generation import GenerationRequest
from domain.inputs import InputFiles
from domain.local_checkpoint import LocalCheckpoint
from domain.placement import ALL_RESIDENT, Place, Placement
from domain.progress import Stage
from domain.rendering import Report, StageEntered, StepFinished, StillRunning
from domain.run import Run
from domain.segments import Segments
from tests.fakes.examples import a_request
from tests.fakes.resume_points import FakeResumePoints
from tests.integration.clips import noisy_frames, video_file
from tests.integration.runs import FACE_SIDE, performed, run_stock, unheard
from tests.integration.tiny_wans import make_checkpoint

pytestmark = pytest.mark.slow
#: Of a segment here, where Animate's has 77.
SEGMENT = 9
#: Four more than two segments have: half of the third is past the end.
FRAMES = 21


class Asked(GenerationRequest):
    """Made in shorter segments than its checkpoint has."""

    @property
    def segments(self) -> Segments:
        return Segments(length=self.num_frames, num_frames=min(self.num_frames, SEGMENT))


@pytest.fixture(scope="module")
def animate(tmp_path_factory: pytest.TempPathFactory) -> LocalCheckpoint:
    models = tmp_path_factory.mktemp("models")
    make_checkpoint("animate-14B", models)
    return FilesystemCheckpointCatalog([models]).find("animate-14B")


@pytest.fixture(scope="module")
def performance(tmp_path_factory: pytest.TempPathFactory) -> InputFiles:
    folder = tmp_path_factory.mktemp("inputs")
    for name, side, seed in (("pose", 32, 1), ("face", FACE_SIDE, 2)):
        with (folder / name).open("wb") as target:
            write_clip(video_file(noisy_frames(FRAMES, (side, side), seed), fps=30), target)
    pixels = np.random.default_rng(3).integers(0, 256, (40, 32, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "who.png")
    return InputFiles(
        control_video=folder / "pose",
        face_video=folder / "face",
        references=(folder / "who.png",),
    )


@pytest.fixture(scope="module")
def pipeline() -> DiffusersVideoPipeline:
    return DiffusersVideoPipeline()


def wanted(**changes: Any) -> Asked:
    said = {"width": 32, "height": 32, "num_frames": FRAMES, "fps": 30, "steps": 2}
    asked = a_request(checkpoint="animate-14B", references=("who.png",), **{**said, **changes})
    return Asked(**{field.name: getattr(asked, field.name) for field in fields(asked)})


def stock(request: Asked, animate: LocalCheckpoint, inputs: InputFiles) -> bytes:
    pipe = WanAnimatePipeline.from_pretrained(animate.folder, dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    frames = run_stock(pipe, request, output_type="np", **performed(request, inputs))[0]
    return (frames * 255).round().astype(np.uint8).tobytes()  # type: ignore[no-any-return]


class Maker:
    """Makes the frames, all of them."""

    def __init__(
        self, pipeline: DiffusersVideoPipeline, animate: LocalCheckpoint, performance: InputFiles
    ) -> None:
        self._pipeline = pipeline
        self._given: dict[str, Any] = {"checkpoint": animate, "inputs": performance}

    def __call__(
        self,
        request: GenerationRequest,
        resume: FakeResumePoints | None = None,
        report: Report = unheard,
        *,
        in_tiles: bool = False,
        placement: Placement | None = None,
    ) -> bytes:
        run = Run(request=request, in_tiles=in_tiles, placement=placement, **self._given)
        chunks = self._pipeline.generate(run, report, resume or FakeResumePoints())
        return b"".join(chunk.rgb.tobytes() for chunk in chunks)


@pytest.fixture(scope="module")
def make(
    pipeline: DiffusersVideoPipeline, animate: LocalCheckpoint, performance: InputFiles
) -> Maker:
    return Maker(pipeline, animate, performance)


@pytest.fixture(scope="module")
def points(make: Maker) -> dict[int, bytes]:
    """What a run saves after each of its steps, and its frames, as after no step."""
    resume = FakeResumePoints(due=range(1, 7))
    frames = make(wanted(), resume)
    return {0: frames, **resume.points}


@pytest.mark.parametrize(
    ("num_frames", "scheduler", "guidance"),
    [
        (FRAMES, "unipc", 1.0),
        (FRAMES - 4, "dpm++", 4.0),
        (13, "euler", 1.0),
        (SEGMENT, "unipc", 1.0),
    ],
)
def test_frames_equal_those_of_the_stock_pipeline(
    num_frames: int,
    scheduler: str,
    guidance: float,
    make: Maker,
    animate: LocalCheckpoint,
    performance: InputFiles,
) -> None:
    guided = {"guidance_high_noise": guidance, "guidance_low_noise": guidance}
    request = wanted(num_frames=num_frames, scheduler=scheduler, **guided)

    made = make(request)

    assert len(made) == num_frames * 32 * 32 * 3
    assert made == stock(request, animate, performance)


@pytest.mark.parametrize("experts", [Place.VISITING, Place.STREAMED])
def test_parts_that_come_and_go_with_each_segment_make_the_same_frames(
    experts: Place, animate: LocalCheckpoint, performance: InputFiles
) -> None:
    coming = replace(ALL_RESIDENT, experts=experts, text_encoder=Place.VISITING, vae=Place.VISITING)

    def made(placement: Placement) -> bytes:
        pipeline = DiffusersVideoPipeline(torch.device("cpu"))  # stands for an accelerator
        return Maker(pipeline, animate, performance)(wanted(num_frames=13), placement=placement)

    assert made(coming) == made(ALL_RESIDENT)


@pytest.mark.parametrize("step", range(1, 7))
def test_a_run_goes_on_after_any_step_of_any_segment(
    step: int, make: Maker, points: dict[int, bytes]
) -> None:
    resume, told = FakeResumePoints(points[step]), list[object]()

    assert make(wanted(), resume, told.append) == points[0]

    assert (resume.accepted, resume.rejected) == (step, None)
    steps = [heard.step for heard in told if isinstance(heard, StepFinished)]
    assert steps == list(range(step + 1, 7))


def test_each_segment_goes_through_the_stages_and_its_last_step_is_always_saved(
    make: Maker,
) -> None:
    resume, told = FakeResumePoints(), list[object]()

    make(wanted(), resume, told.append)

    stages = (Stage.ENCODING_PROMPT, Stage.DENOISING, Stage.DECODING)
    assert [heard.stage for heard in told if isinstance(heard, StageEntered)] == [*stages] * 3
    assert [heard.step for heard in told if isinstance(heard, StepFinished)] == [1, 2, 3, 4, 5, 6]
    assert list(resume.points) == [2, 4, 6]


@pytest.mark.parametrize("during", [Stage.DECODING, Stage.DENOISING])
def test_one_that_is_cancelled_in_its_second_segment_does_not_taint_the_next(
    during: Stage, make: Maker, points: dict[int, bytes]
) -> None:
    stages: list[Stage] = []

    def report(progress: object) -> None:
        if isinstance(progress, StageEntered):
            stages.append(progress.stage)
        if stages.count(during) == 2 and progress == StillRunning():
            raise RenderCancelled

    with pytest.raises(RenderCancelled):
        make(wanted(), report=report)
    assert make(wanted()) == points[0]


@pytest.fixture(scope="module")
def in_tiles(make: Maker) -> bytes:
    """The frames where they are decoded in tiles, which from here on are smaller than the pictures."""
    make(wanted(num_frames=5))
    vae = make._pipeline._loaded.pipe.vae  # type: ignore[union-attr]
    vae.enable_tiling(24, 24, 16, 16)
    vae.disable_tiling()
    return make(wanted(), in_tiles=True)


class TestTiles:
    """A job whose decoding found no room runs again, in tiles: what it shows is what they show."""

    def test_the_first_segments_steps_are_not_made_again(
        self, make: Maker, in_tiles: bytes, points: dict[int, bytes]
    ) -> None:
        resume = FakeResumePoints()

        def report(progress: object) -> None:
            if progress == StageEntered(stage=Stage.DECODING):
                raise OutOfAcceleratorMemory

        with pytest.raises(OutOfAcceleratorMemory):
            make(wanted(), resume, report)
        again = FakeResumePoints(resume.points[2])

        assert make(wanted(), again, in_tiles=True) == in_tiles
        assert again.accepted == 2
        assert in_tiles != points[0]

    def test_what_was_made_of_whole_pictures_is_no_part_of_it(
        self, make: Maker, in_tiles: bytes, points: dict[int, bytes]
    ) -> None:
        resume = FakeResumePoints(points[3])

        assert make(wanted(), resume, in_tiles=True) == in_tiles
        assert (
            resume.rejected
            == "What was saved differs from this run in decoding (None, now in tiles)."
        )
