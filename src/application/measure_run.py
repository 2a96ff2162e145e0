"""Worker side: what an order took, told before its file is: seconds of each stage, memory, energy."""

from collections.abc import Callable

from application.render_video import RenderVideo
from domain.ports.clock import Clock
from domain.ports.energy_meter import EnergyMeter
from domain.ports.memory_meter import MemoryMeter
from domain.ports.video_pipeline import VideoPipeline
from domain.progress import Stage
from domain.rendering import (
    RenderOrder,
    RenderProgress,
    Report,
    Resumed,
    RunMeasured,
    StageEntered,
)
from domain.run_record import Measured
from domain.video import VideoFile


def _never() -> bool:
    return False


class MeasureRun:
    """Renders as `RenderVideo` does. A run that goes on from an earlier one is not measured."""

    def __init__(
        self,
        render: RenderVideo,
        pipeline: VideoPipeline,
        meter: MemoryMeter,
        energy: EnergyMeter,
        clock: Clock,
    ) -> None:
        self._render = render
        self._pipeline = pipeline
        self._meter = meter
        self._energy = energy
        self._clock = clock

    def execute(
        self, order: RenderOrder, report: Report, wants_out: Callable[[], bool] = _never
    ) -> VideoFile:
        """See `RenderVideo.execute`; `report` hears of the measurement last."""
        self._meter.begin()
        self._energy.begin()
        stages = _Stages(self._clock)

        def follow(progress: RenderProgress) -> None:
            stages.follow(progress)
            report(progress)

        try:
            video = self._render.execute(order, follow, wants_out)
        finally:
            joules = self._energy.end()
        if stages.is_whole:
            measured = Measured(
                seconds=stages.seconds(),
                accelerator_bytes=self._pipeline.peak_accelerator_bytes(),
                host_bytes=self._meter.peak_bytes(),
                joules=joules,
            )
            report(RunMeasured(measured=measured))
        return video


class _Stages:
    """How long each stage takes, by the run's reports. It begins with loading."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entered = [(Stage.LOADING, clock.monotonic())]
        self.is_whole = True

    def follow(self, progress: RenderProgress) -> None:
        if isinstance(progress, StageEntered):
            self._entered.append((progress.stage, self._clock.monotonic()))
        elif isinstance(progress, Resumed):
            self.is_whole = False

    def seconds(self) -> dict[Stage, float]:
        """Of each stage that was entered, however often; the last one ends now."""
        ends = [at for _, at in self._entered[1:]] + [self._clock.monotonic()]
        seconds: dict[Stage, float] = {}
        for (stage, began), end in zip(self._entered, ends, strict=True):
            seconds[stage] = seconds.get(stage, 0.0) + end - began
        return seconds
