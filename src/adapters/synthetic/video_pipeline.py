"""A moving test card: exact, instant and torch-free. It ignores the prompt, and says so on the card.

For trying the service, its queue and its API on any machine. Nothing it makes pretends to be a model's
work: the card is grey bars, a running square and the frame's number as a row of binary squares.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.generation import GenerationRequest
from domain.ports import video_pipeline
from domain.previews import PreviewMaking, RunPreviews
from domain.progress import Stage
from domain.rendering import Report, StageEntered, StepFinished, StillRunning
from domain.resume import ResumePoints
from domain.run import Run
from domain.video import FrameChunk

_BARS: Final = 8
_FRAMES_PER_CHUNK: Final = 4
#: From one frame that a preview shows to the next: as many as Wan makes of one latent frame.
_STRIDE: Final = 4
#: Moments within a step at which it can be stopped, as a transformer has between its blocks.
_BLOCKS: Final = 5


class SyntheticVideoPipeline(video_pipeline.VideoPipeline):
    """Draws the card. `seconds_per_step`: how long a step pretends to think, for trying progress."""

    def __init__(
        self, *, seconds_per_step: float = 0.0, previews: PreviewMaking | None = None
    ) -> None:
        """Takes how previews are made; None makes none."""
        self._seconds_per_step = seconds_per_step
        self._previews = previews

    def generate(self, run: Run, report: Report, resume: ResumePoints) -> Iterator[FrameChunk]:
        request = run.request
        done = _steps_done(request, resume)
        if done < request.all_steps:
            self._denoise(request, report, resume, done=done)
        report(StageEntered(stage=Stage.DECODING))
        for start in range(0, request.num_frames, _FRAMES_PER_CHUNK):
            yield _cards(request, range(start, min(start + _FRAMES_PER_CHUNK, request.num_frames)))
            report(StillRunning())

    def _denoise(
        self, request: GenerationRequest, report: Report, resume: ResumePoints, *, done: int
    ) -> None:
        report(StageEntered(stage=Stage.ENCODING_PROMPT))
        previews: RunPreviews | None = None
        if self._previews is not None:
            duration_s = request.num_frames / request.fps
            previews = RunPreviews(self._previews, report, duration_s=duration_s)
            report = previews.report
        report(StageEntered(stage=Stage.DENOISING))
        for step in range(done + 1, request.all_steps + 1):
            for _ in range(_BLOCKS):
                report(StillRunning())
                time.sleep(self._seconds_per_step / _BLOCKS)
            if resume.is_due(step, request.all_steps):
                resume.save(step, _state(request, step))
            if previews is not None:
                previews.look(step, lambda: _cards(request, range(0, request.num_frames, _STRIDE)))
            report(StepFinished(step=step))

    def ways(self) -> Mapping[str, str]:
        return {}

    def peak_accelerator_bytes(self) -> int | None:
        return None

    def close(self) -> None:
        """Nothing is held."""


def _cards(request: GenerationRequest, numbers: range) -> FrameChunk:
    frames = np.stack([draw_card(request, number) for number in numbers])  # (T, H, W, 3)
    return FrameChunk(
        rgb=frames.data, num_frames=len(numbers), height=request.height, width=request.width
    )


def _state(request: GenerationRequest, step: int) -> bytes:
    """A run of cards has made nothing but steps."""
    return json.dumps({"card": _card(request), "step": step}).encode()


def _card(request: GenerationRequest) -> str:
    """All that decides the frames, comparable when it was written and read."""
    return json.dumps(asdict(request), sort_keys=True)


def _steps_done(request: GenerationRequest, resume: ResumePoints) -> int:
    """Those that an earlier run of the same card made."""
    saved = resume.load()
    if saved is None:
        return 0
    try:
        told = json.loads(saved)
        card, step = told["card"], int(told["step"])
    except (ValueError, KeyError, TypeError):
        resume.reject("What was saved is not a test card's.")
        return 0
    if card != _card(request):
        resume.reject("What was saved was made for another request.")
        return 0
    resume.accept(step)
    return step


def draw_card(request: GenerationRequest, number: int) -> npt.NDArray[np.uint8]:
    """Frame `number` (from 0) of the request's card: uint8, (H, W, 3).

    The seed tints the square, so that two seeds differ; the square crosses the card once.
    """
    height, width = request.height, request.width
    bars = (np.arange(width) * _BARS // width * (200 // _BARS) + 40).astype(np.uint8)
    card = np.repeat(np.broadcast_to(bars, (height, width))[:, :, None], 3, axis=2)
    tint = np.random.default_rng(request.seed).integers(64, 256, 3, dtype=np.uint8)
    side = max(4, min(height, width) // 5)
    left = (width - side) * number // max(1, request.num_frames - 1)
    top = (height - side) // 2
    card[top : top + side, left : left + side] = tint
    cell = max(2, min(height, width) // 16)
    for bit in range(8):
        on = 255 if number >> bit & 1 else 0
        card[:cell, bit * cell : (bit + 1) * cell] = on
    return card
