"""One run of the worker's own pipeline, watched: seconds, memory, and the video's hash."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

import torch

from adapters.diffusers.video_pipeline import DiffusersVideoPipeline
from domain.progress import Stage
from domain.rendering import RenderProgress, StageEntered, StepFinished
from domain.resume import ResumePoints
from domain.run import Run
from tests.fakes.resume_points import FakeResumePoints


@dataclass
class Watched:
    """What was seen.

    Attributes:
        entered: seconds from asking until each stage began; its kernels done that were before it.
        steps: seconds of each denoising step.
        seconds: of all of it.
        sha256: of the frames.
    """

    entered: dict[Stage, float] = field(default_factory=dict)
    steps: list[float] = field(default_factory=list)
    seconds: float = 0.0
    sha256: str = ""
    allocated: int | None = None
    reserved: int | None = None

    @property
    def step_s(self) -> float:
        """The median: the first step also warms up."""
        return median(self.steps)

    @property
    def loading_s(self) -> float:
        return self.entered[Stage.ENCODING_PROMPT]

    @property
    def encoding_s(self) -> float:
        return self.entered[Stage.DENOISING] - self.entered[Stage.ENCODING_PROMPT]

    @property
    def decoding_s(self) -> float:
        return self.seconds - self.entered[Stage.DECODING]

    def total_s(self, steps: int) -> float:
        """Once loaded, as if so many steps had been made."""
        return self.encoding_s + steps * self.step_s + self.decoding_s


def watch(
    pipeline: DiffusersVideoPipeline,
    run: Run,
    *,
    resume: ResumePoints | None = None,
    report: Callable[[RenderProgress], None] = lambda _: None,
) -> Watched:
    """Make the whole video; `report` hears everything, and may end it by raising."""
    watched, digest = Watched(), hashlib.sha256()
    began = last = time.perf_counter()

    def follow(progress: RenderProgress) -> None:
        nonlocal last
        if isinstance(progress, StageEntered):
            synchronize()
            last = time.perf_counter()
            watched.entered[progress.stage] = last - began
        elif isinstance(progress, StepFinished):
            now = time.perf_counter()  # the step waited for the GPU: it looked at its latents
            watched.steps.append(now - last)
            last = now
        report(progress)

    for chunk in pipeline.generate(run, follow, resume or FakeResumePoints()):
        digest.update(chunk.rgb)
    synchronize()
    watched.seconds = time.perf_counter() - began
    watched.sha256 = digest.hexdigest()
    watched.allocated = pipeline.peak_accelerator_bytes()
    if torch.cuda.is_available():
        watched.reserved = torch.cuda.max_memory_reserved()
    return watched


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def allocated_bytes() -> int | None:
    """Now; None without a GPU."""
    return torch.cuda.memory_allocated() if torch.cuda.is_available() else None
