"""What passes between the server and whatever renders: an order one way, reports the other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from domain.generation import GenerationRequest
from domain.memory_ladder import IN_TILES, ON_CPU
from domain.placement import Placement
from domain.progress import Stage
from domain.run_record import Measured
from domain.video import VideoFile


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOrder:
    """One attempt at one job.

    Attributes:
        fence: the attempt's number; whatever the attempt writes carries it.
        placement: where the checkpoint's parts are to lie; None leaves it to the pipeline.
        rung: how far the job has climbed for lack of accelerator memory; see `domain.memory_ladder`.
    """

    job_id: str
    fence: int
    request: GenerationRequest
    placement: Placement | None = None
    rung: int = 0

    @property
    def in_tiles(self) -> bool:
        """Whether the pictures are to be decoded in tiles."""
        return self.rung >= IN_TILES

    @property
    def decodes_on_cpu(self) -> bool:
        """Whether that is done without the accelerator."""
        return self.rung >= ON_CPU


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEntered:
    """The run has begun a stage."""

    stage: Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished:
    """`step` of the request's denoising steps are done."""

    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StillRunning:
    """A moment between two transformer blocks, or two pictures: one to stop at.

    Of what came before, the accelerator has done all but a few blocks.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumePointSaved:
    """What `step` steps made is durable: another attempt need not make it again."""

    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """The run goes on after the `step` steps of an earlier attempt."""

    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeRejected:
    """There was a resume point, but it cannot be used: the run begins at the first step.

    Attributes:
        reason: a sentence for the user.
    """

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """Something that whoever asked should know; the run goes on.

    Attributes:
        text: a sentence for the user.
    """

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Previewed:
    """How the video is going to look, as far as the run can tell after `step` steps.

    Attributes:
        image: an animated WebP, small in both senses.
    """

    step: int
    image: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMeasured:
    """What the whole run took; told once, after all its stages."""

    measured: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoStaged:
    """The run is over: the file is whole, hashed and durable, and waits to be published."""

    video: VideoFile


RenderProgress: TypeAlias = (
    StageEntered
    | StepFinished
    | StillRunning
    | ResumePointSaved
    | Resumed
    | ResumeRejected
    | Noticed
    | Previewed
    | RunMeasured
)
RenderReport: TypeAlias = RenderProgress | VideoStaged

#: Tells the run's progress to whoever ordered it. Raises `RenderCancelled` or `RenderSuspended` to end
#: the run there.
Report: TypeAlias = Callable[[RenderProgress], None]
