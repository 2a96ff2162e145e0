"""Wan through diffusers: load once, then text -> latents -> pictures for one request after another."""

import gc
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext

import torch
from diffusers import AutoencoderKLWan

from adapters.diffusers.accelerator_errors import accelerator_errors
from adapters.diffusers.attention import choose_kernel, computed_by, insist_on_kernel
from adapters.diffusers.compiling import (
    INDUCTOR,
    compiled_blocks,
    forget_programs,
    insist_on_compiler,
    why_not_compiled,
)
from adapters.diffusers.denoising import Watch, denoise, texts_of, unwatched
from adapters.diffusers.identity import run_identity
from adapters.diffusers.latent_previews import LatentColours, fit_colours
from adapters.diffusers.loading import Load, LoadedCheckpoint, load
from adapters.diffusers.parts import Placed, bring
from adapters.diffusers.prompt_cache import PromptCache
from adapters.diffusers.run_state import begun_run
from adapters.diffusers.streamed_decode import decode_frames
from adapters.diffusers.threads import threads_for
from domain.attention import Attention
from domain.compilation import Compilation
from domain.errors import CheckpointBroken
from domain.generation import GenerationRequest
from domain.inputs import NO_INPUTS
from domain.local_checkpoint import LocalCheckpoint
from domain.placement import ALL_ON_CPU, ALL_RESIDENT, Place, Placement
from domain.ports import video_pipeline
from domain.previews import PreviewMaking, RunPreviews
from domain.progress import Stage
from domain.rendering import Noticed, Report, StageEntered, StillRunning
from domain.resume import ResumePoints
from domain.run import Run
from domain.video import FrameChunk

_log = logging.getLogger(__name__)


class DiffusersVideoPipeline(video_pipeline.VideoPipeline):
    """Keeps one checkpoint in memory, placed as the latest order had it."""

    def __init__(
        self,
        device: torch.device | None = None,
        *,
        cache: PromptCache | None = None,
        previews: PreviewMaking | None = None,
        attention: Attention = Attention.AUTO,
        compilation: Compilation = Compilation.OFF,
        compiler: str = INDUCTOR,
        load: Load = load,
    ) -> None:
        """Takes what stands for the accelerator; None for the first CUDA device, if there is one.

        Args:
            cache: where the embeddings of prompts are kept, if anywhere.
            load: from files, unless something else is meant.
            previews: how they are made; None makes none.
            attention: the kernel to compute it by.
            compilation: whether the transformers' blocks are compiled, by `compiler`.

        Raises:
            WorkerUnavailable: that kernel is not here, or nothing can be compiled.
        """
        insist_on_kernel(attention)
        self._attention = attention
        self._cache = cache
        self._previews = previews
        self._load = load
        if device is None and torch.cuda.is_available():
            device = torch.device("cuda")
        self._accelerator = device
        self._compilation, self._compiler, self._is_compiled = compilation, compiler, False
        if compilation is not Compilation.OFF:
            insist_on_compiler(device or torch.device("cpu"), compiler)
        self._loaded: LoadedCheckpoint | None = None
        self._colours: LatentColours | None = None  # of its latents, once they were wanted
        self._chosen: Attention | None = None  # what computes its attention, once it ran

    def generate(self, run: Run, report: Report, resume: ResumePoints) -> Iterator[FrameChunk]:
        with accelerator_errors(), threads_for(run.checkpoint.spec):
            if torch.cuda.is_available():
                torch.cuda.reset_peak_memory_stats()
            request = run.request
            loaded = self._ready(run.checkpoint, self._usable(run.placement))
            pipe = loaded.pipe
            for told in loaded.loras.wear(request.loras, run.loras):
                report(Noticed(text=told))
            with computed_by(self._kernel(pipe)), self._compiled(pipe, report):
                latents = self._latents(loaded, run, report, resume)
            report(StageEntered(stage=Stage.DECODING))
            bring(pipe, pipe.vae)
            with _tiling(pipe.vae) if run.in_tiles and not pipe.vae.use_tiling else nullcontext():
                for pictures in decode_frames(pipe.vae, latents, lambda: report(StillRunning())):
                    yield FrameChunk(
                        rgb=pictures.numpy().data,
                        num_frames=pictures.shape[0],
                        height=pictures.shape[1],
                        width=pictures.shape[2],
                    )
                    report(StillRunning())

    def ways(self) -> Mapping[str, str]:
        kernel = self._chosen or Attention.SDPA
        ways = {} if kernel is Attention.SDPA else {"attention": kernel.value}
        return ways | ({"compile": self._compilation.value} if self._is_compiled else {})

    def peak_accelerator_bytes(self) -> int | None:
        return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None

    def close(self) -> None:
        self._loaded = self._colours = self._chosen = None
        if self._compilation is not Compilation.OFF:
            forget_programs()
        gc.collect()  # pipelines hold reference cycles
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _usable(self, placement: Placement | None) -> Placement:
        """What is asked for, as far as there is an accelerator."""
        if self._accelerator is None:
            if placement is not None and not placement.is_on_cpu:
                _log.warning("torch finds no accelerator, although one is planned for: on the CPU")
            return ALL_ON_CPU
        return placement or ALL_RESIDENT

    def _ready(self, checkpoint: LocalCheckpoint, placement: Placement) -> LoadedCheckpoint:
        if not self._holds(checkpoint, placement):
            self.close()  # nobody may hold the former while the next one is loaded
            device = None if placement.is_on_cpu else self._accelerator
            device = device or torch.device("cpu")
            self._loaded = self._load(checkpoint, placement, device, self._cache)
        assert self._loaded is not None, "just loaded, or held"
        self._loaded.pipe.parts.settle(placement)
        return self._loaded

    def _holds(self, checkpoint: LocalCheckpoint, placement: Placement) -> bool:
        """Whether what is loaded can be placed so as it is."""
        return (
            self._loaded is not None
            and self._loaded.checkpoint == checkpoint
            and self._loaded.pipe.parts.can_become(placement)
        )

    def _kernel(self, pipe: Placed) -> Attention:
        """What computes attention; found out once for what is loaded."""
        if self._chosen is None:
            self._chosen = choose_kernel(
                self._attention,
                head_dim=pipe.transformer.config.attention_head_dim,
                dtype=pipe.transformer.dtype,
                device=pipe.device,
            )
        return self._chosen

    @contextmanager
    def _compiled(self, pipe: Placed, report: Report) -> Iterator[None]:
        """The transformers with compiled blocks, where that is wanted and can be."""
        self._is_compiled = False
        if self._compilation is Compilation.OFF:
            yield
            return
        transformers = list(pipe.parts.experts())
        if reason := why_not_compiled(transformers):
            report(Noticed(text=reason))
            yield
            return
        self._is_compiled = True
        with compiled_blocks(transformers, self._compiler):
            yield

    def _latents(
        self, loaded: LoadedCheckpoint, run: Run, report: Report, resume: ResumePoints
    ) -> torch.Tensor:
        """Those to decode, from where an earlier run left off."""
        request, pipe = run.request, loaded.pipe
        identity = {
            **run_identity(pipe, loaded.weights, request, run.inputs),
            **pipe.parts.identity(encodes_image=run.inputs != NO_INPUTS),
            "compile": self._compilation.value if self._is_compiled else None,
        }
        begun = begun_run(resume, identity)
        if begun is not None and begun.step == request.denoising_steps:
            return begun.latents  # an earlier run failed after them: only decoding is left
        self._prepare_prompts(loaded, request)
        with self._reloaded_if_streamed():
            heard, watch = self._watched(loaded, request, report)
            return denoise(
                pipe,
                request,
                heard,
                resume,
                prompts=loaded.prompts,
                identity=identity,
                begun=begun,
                inputs=run.inputs,
                loras=loaded.loras,
                watch=watch,
            )

    def _watched(
        self, loaded: LoadedCheckpoint, request: GenerationRequest, report: Report
    ) -> tuple[Report, Watch]:
        """What the denoising is to report to, and who looks at its steps."""
        if self._previews is None:
            return report, unwatched
        if self._colours is None:
            bring(loaded.pipe, loaded.pipe.vae)
            self._colours = fit_colours(loaded.pipe.vae)
        colours = self._colours
        previews = RunPreviews(self._previews, report, duration_s=request.num_frames / request.fps)
        return previews.report, lambda step, clean: previews.look(
            step, lambda: colours.pictures(clean())
        )

    def _prepare_prompts(self, loaded: LoadedCheckpoint, request: GenerationRequest) -> None:
        try:
            loaded.prompts.prepare(texts_of(request))
        except CheckpointBroken:
            self.close()  # what is loaded may be of a folder that has changed: the next run loads all
            raise

    @contextmanager
    def _reloaded_if_streamed(self) -> Iterator[None]:
        """Forget streamed experts whose run is ended: diffusers learns in a whole forward what comes next."""
        try:
            yield
        except BaseException:
            if self._loaded and self._loaded.pipe.parts.placement.experts is Place.STREAMED:
                self.close()
            raise


@contextmanager
def _tiling(vae: AutoencoderKLWan) -> Iterator[None]:
    """Only while it decodes: a first image is encoded whole, so that the latents are those of any run."""
    vae.enable_tiling()
    try:
        yield
    finally:
        vae.disable_tiling()
