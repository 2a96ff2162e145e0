"""What a run is told to have taken."""

from collections.abc import Iterator

import pytest

from application.measure_run import MeasureRun
from application.render_video import RenderVideo
from application.resume_points import KeepResumePoints
from domain.errors import RenderCancelled
from domain.placement import ALL_RESIDENT, Placement
from domain.progress import Stage
from domain.rendering import (
    RenderOrder,
    RenderProgress,
    Report,
    RunMeasured,
    StageEntered,
    StepFinished,
)
from domain.resume import ResumePoints
from domain.run import Run
from domain.run_record import Measured
from domain.video import FrameChunk
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.checkpoint_catalog import FakeCheckpointCatalog
from tests.fakes.clock import FakeClock
from tests.fakes.energy_meter import FakeEnergyMeter
from tests.fakes.examples import a_request
from tests.fakes.image_store import FakeImageStore
from tests.fakes.memory_meter import FakeMemoryMeter
from tests.fakes.resume_store import FakeResumeStore
from tests.fakes.video_encoder import FakeVideoEncoder
from tests.fakes.video_pipeline import FakeVideoPipeline

AN_ORDER = RenderOrder(job_id="gen_1", fence=1, request=a_request(), placement=ALL_RESIDENT)


class SlowPipeline(FakeVideoPipeline):
    """Loads for 3 s, takes 2 s for each of four steps, and holds 5000 bytes of an accelerator."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self.placements: list[Placement | None] = []

    def generate(self, run: Run, report: Report, resume: ResumePoints) -> Iterator[FrameChunk]:
        def slowly(progress: RenderProgress) -> None:
            if isinstance(progress, StepFinished):
                self._clock.advance(2)
            report(progress)

        self.placements.append(run.placement)
        self._clock.advance(3)
        yield from super().generate(run, slowly, resume)

    def peak_accelerator_bytes(self) -> int | None:
        return 5000


@pytest.fixture
def pipeline(clock: FakeClock, request: pytest.FixtureRequest) -> SlowPipeline:
    kind: type[SlowPipeline] = getattr(request, "param", SlowPipeline)
    return kind(clock)


@pytest.fixture
def energy() -> FakeEnergyMeter:
    return FakeEnergyMeter(900.0)


@pytest.fixture
def measure(
    pipeline: SlowPipeline,
    energy: FakeEnergyMeter,
    store: FakeArtifactStore,
    images: FakeImageStore,
    resume_store: FakeResumeStore,
    clock: FakeClock,
) -> MeasureRun:
    resume = KeepResumePoints(resume_store, clock)
    catalog = FakeCheckpointCatalog("mini")
    render = RenderVideo(
        catalog, pipeline, FakeVideoEncoder(), store, images, resume, version="1.2.3"
    )
    return MeasureRun(render, pipeline, FakeMemoryMeter(7000), energy, clock)


def test_seconds_of_each_stage_both_peaks_and_the_energy_are_told_last(measure: MeasureRun) -> None:
    reports: list[RenderProgress] = []

    measure.execute(AN_ORDER, reports.append)

    assert reports[-1] == RunMeasured(
        measured=Measured(
            seconds={
                Stage.LOADING: 3.0,
                Stage.ENCODING_PROMPT: 0.0,
                Stage.DENOISING: 8.0,
                Stage.DECODING: 0.0,
                Stage.ENCODING_VIDEO: 0.0,
            },
            accelerator_bytes=5000,
            host_bytes=7000,
            joules=900.0,
        )
    )


class InSegments(SlowPipeline):
    """Denoises for 5 s more after it has decoded, and decodes again."""

    def generate(self, run: Run, report: Report, resume: ResumePoints) -> Iterator[FrameChunk]:
        yield from super().generate(run, report, resume)
        report(StageEntered(stage=Stage.DENOISING))
        self._clock.advance(5)
        report(StageEntered(stage=Stage.DECODING))


@pytest.mark.parametrize("pipeline", [InSegments], indirect=True)
def test_a_stage_that_is_entered_again_counts_as_one(measure: MeasureRun) -> None:
    reports: list[RenderProgress] = []

    measure.execute(AN_ORDER, reports.append)

    told = reports[-1]
    assert isinstance(told, RunMeasured)
    assert told.measured.seconds[Stage.DENOISING] == 8.0 + 5.0


def test_the_placement_that_was_ordered_reaches_the_pipeline(
    measure: MeasureRun, pipeline: SlowPipeline
) -> None:
    measure.execute(AN_ORDER, lambda _: None)

    assert pipeline.placements == [ALL_RESIDENT]


def test_a_run_that_goes_on_from_another_is_not_measured(measure: MeasureRun) -> None:
    reports: list[RenderProgress] = []
    measure.execute(AN_ORDER, lambda _: None)  # leaves a resume point after its last step

    measure.execute(AN_ORDER, reports.append)

    assert not [told for told in reports if isinstance(told, RunMeasured)]


def test_a_run_that_is_ended_is_not_measured_any_longer(
    measure: MeasureRun, energy: FakeEnergyMeter
) -> None:
    reports: list[RenderProgress] = []

    def report(progress: RenderProgress) -> None:
        reports.append(progress)
        if progress == StepFinished(step=2):
            raise RenderCancelled

    with pytest.raises(RenderCancelled):
        measure.execute(AN_ORDER, report)
    assert not [told for told in reports if isinstance(told, RunMeasured)]
    assert not energy.is_measuring
