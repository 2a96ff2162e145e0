"""What passes between the server and whatever renders: an order one way, reports the other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from domain.generation import GenerationRequest
from domain.progress import Stage
from domain.video import VideoFile


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOrder:
    """One attempt at one job.

    Attributes:
        fence: the attempt's number; whatever the attempt writes carries it.
    """

    job_id: str
    fence: int
    request: GenerationRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEntered:
    """The run has begun a stage."""

    stage: Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished:
    """`step` of the request's denoising steps are done."""

    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoStaged:
    """The run is over: the file is whole, hashed and durable, and waits to be published."""

    video: VideoFile


RenderProgress: TypeAlias = StageEntered | StepFinished
RenderReport: TypeAlias = RenderProgress | VideoStaged

#: Tells the run's progress to whoever ordered it. Raises `RenderCancelled` to end the run there.
Report: TypeAlias = Callable[[RenderProgress], None]
