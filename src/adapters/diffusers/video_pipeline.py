"""Wan through diffusers: load once, then text -> latents -> pictures for one request after another."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from adapters.diffusers.denoising import denoise
from adapters.diffusers.identity import run_identity
from adapters.diffusers.loading import LoadedCheckpoint, load
from adapters.diffusers.run_state import begun_run
from adapters.diffusers.streamed_decode import decode_frames
from domain.errors import OutOfAcceleratorMemory
from domain.generation import GenerationRequest
from domain.inputs import NO_INPUTS, InputFiles
from domain.local_checkpoint import LocalCheckpoint
from domain.ports import video_pipeline
from domain.progress import Stage
from domain.rendering import Report, StageEntered, StillRunning
from domain.resume import ResumePoints
from domain.video import FrameChunk


class DiffusersVideoPipeline(video_pipeline.VideoPipeline):
    """Keeps one checkpoint in memory, on the first CUDA device or on the CPU."""

    def __init__(self) -> None:
        self._loaded: LoadedCheckpoint | None = None

    def generate(
        self,
        request: GenerationRequest,
        checkpoint: LocalCheckpoint,
        report: Report,
        resume: ResumePoints,
        *,
        inputs: InputFiles = NO_INPUTS,
    ) -> Iterator[FrameChunk]:
        with _accelerator_errors():
            loaded = self._ready(checkpoint)
            pipe = loaded.pipe
            identity = run_identity(pipe, loaded.weights, request, inputs)
            begun = begun_run(resume, identity)
            if begun is not None and begun.step == request.denoising_steps:
                latents = begun.latents  # an earlier run failed after them: only decoding is left
            else:
                latents = denoise(
                    pipe,
                    request,
                    report,
                    resume,
                    identity=identity,
                    begun=begun,
                    inputs=inputs,
                )
            report(StageEntered(stage=Stage.DECODING))
            for pictures in decode_frames(pipe.vae, latents):
                yield FrameChunk(
                    rgb=pictures.numpy().data,
                    num_frames=pictures.shape[0],
                    height=pictures.shape[1],
                    width=pictures.shape[2],
                )
                report(StillRunning())

    def close(self) -> None:
        self._loaded = None
        gc.collect()  # pipelines hold reference cycles
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _ready(self, checkpoint: LocalCheckpoint) -> LoadedCheckpoint:
        if self._loaded is None or self._loaded.checkpoint != checkpoint:
            self.close()
            self._loaded = load(checkpoint)
        return self._loaded


@contextmanager
def _accelerator_errors() -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfAcceleratorMemory from error
