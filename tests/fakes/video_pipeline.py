"""A pipeline whose frames are flat, but for one sample."""

from collections.abc import Iterator, Mapping

from domain.errors import DomainError
from domain.generation import GenerationRequest
from domain.ports.video_pipeline import VideoPipeline
from domain.progress import Stage
from domain.rendering import Report, StageEntered, StepFinished, StillRunning
from domain.resume import ResumePoints
from domain.run import Run
from domain.video import FrameChunk

_FRAMES_PER_CHUNK = 4


class FakeVideoPipeline(VideoPipeline):
    """Every sample of a video is the lowest byte of its seed, but for the first of each chunk, which moves.

    `failure` is raised while decoding. `is_blank`: nothing moves. `run`: the latest one. `its_ways`:
    what it says of them.
    """

    def __init__(self, failure: DomainError | None = None, *, is_blank: bool = False) -> None:
        self._failure = failure
        self._is_blank = is_blank
        self.closed = False
        self.run: Run | None = None
        self.its_ways: Mapping[str, str] = {}

    def generate(self, run: Run, report: Report, resume: ResumePoints) -> Iterator[FrameChunk]:
        self.run, request = run, run.request
        done = _steps_done(request, resume)
        if done < request.all_steps:
            report(StageEntered(stage=Stage.ENCODING_PROMPT))
            report(StageEntered(stage=Stage.DENOISING))
        for step in range(done + 1, request.all_steps + 1):
            report(StillRunning())
            if resume.is_due(step, request.all_steps):
                resume.save(step, f"{step} of {request!r}".encode())
            report(StepFinished(step=step))
        report(StageEntered(stage=Stage.DECODING))
        for first in range(0, request.num_frames, _FRAMES_PER_CHUNK):
            moving = None if self._is_blank else 99 + first
            yield _flat(request, min(_FRAMES_PER_CHUNK, request.num_frames - first), moving)
            if self._failure:
                raise self._failure
            report(StillRunning())

    def ways(self) -> Mapping[str, str]:
        return self.its_ways if self.run else {}

    def peak_accelerator_bytes(self) -> int | None:
        return None

    def close(self) -> None:
        self.closed = True


def _steps_done(request: GenerationRequest, resume: ResumePoints) -> int:
    saved = resume.load()
    if saved is None:
        return 0
    step, _, whose = saved.partition(b" of ")
    if whose != repr(request).encode():
        resume.reject("It is another run's.")
        return 0
    resume.accept(int(step))
    return int(step)


def _flat(request: GenerationRequest, num_frames: int, moving: int | None) -> FrameChunk:
    """`moving`: the first sample; None for another of the same."""
    shape = (num_frames, request.height, request.width, 3)
    fill = request.seed % 256
    samples = bytes([fill]) * (num_frames * request.height * request.width * 3)
    samples = bytes([fill if moving is None else moving % 256]) + samples[1:]
    return FrameChunk(
        rgb=memoryview(samples).cast("B", shape),
        num_frames=num_frames,
        height=request.height,
        width=request.width,
    )
