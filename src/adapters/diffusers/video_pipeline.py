"""Wan through diffusers: load once, then text -> latents -> pictures for one request after another."""

import gc
import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import replace

import torch
from diffusers import AutoencoderKLWan

from adapters.diffusers.accelerator_errors import accelerator_errors
from adapters.diffusers.attention import choose_kernel, computed_by, insist_on_kernel
from adapters.diffusers.cast_blocks import cast_for
from adapters.diffusers.compiling import (
    COMPILED_FIRST,
    INDUCTOR,
    compiled_blocks,
    forget_programs,
    insist_on_compiler,
    why_not_compiled,
)
from adapters.diffusers.denoising import Watch, denoise, texts_of, unwatched
from adapters.diffusers.identity import run_identity
from adapters.diffusers.latent_previews import LatentColours, fit_colours
from adapters.diffusers.loading import Load, LoadedCheckpoint, computing_dtype, load
from adapters.diffusers.parts import Placed, bring
from adapters.diffusers.pinned_memory import forget_pinned_blocks
from adapters.diffusers.prompt_cache import PromptCache
from adapters.diffusers.run_state import Identity, RunState, begun_run
from adapters.diffusers.streamed_decode import decode_frames, to_rgb
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
from domain.structure import Precision
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
        self._has_compiled = False  # since something was loaded
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
            loaded = self._ready(run.checkpoint, self._usable(run))
            pipe = loaded.pipe
            for told in loaded.loras.wear(request.loras, run.loras):
                report(Noticed(text=told))
            self._choose_compilation(pipe, report)
            with computed_by(self._kernel(pipe)):
                identity = self._identity(loaded, run)
            done, begun = _left_by(begun_run(resume, identity), request)
            before: torch.Tensor | None = None  # the last frame of the segment before
            for segment in range(request.segments.count):
                if segment == len(done):
                    with computed_by(self._kernel(pipe)), self._compiled(pipe):
                        latents = self._denoise(
                            loaded,
                            run,
                            report,
                            resume,
                            identity=identity(segment),
                            begun=begun,
                            done=done,
                            before=before,
                        )
                    done.append(latents.cpu())
                    begun = None  # the next segment begins at its first step
                report(StageEntered(stage=Stage.DECODING))
                loaded.loras.follow(pipe.vae)
                with _decoding(pipe, run):
                    shown = request.segments.shown(segment)
                    before = yield from _decoded(pipe.vae, done[segment], shown, report)

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
            self._has_compiled = False
        gc.collect()  # pipelines hold reference cycles
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            forget_pinned_blocks()

    def _usable(self, run: Run) -> Placement:
        """What is asked for, as far as there is an accelerator."""
        placement = run.placement or ALL_RESIDENT
        if self._accelerator is None:
            if run.placement is not None and not placement.is_on_cpu:
                _log.warning("torch finds no accelerator, although one is planned for: on the CPU")
            placement = ALL_ON_CPU
        asked = run.request.precision
        return placement if asked is None else replace(placement, precision=Precision(asked))

    def _ready(self, checkpoint: LocalCheckpoint, placement: Placement) -> LoadedCheckpoint:
        if not self._holds(checkpoint, placement):
            self.close()  # nobody may hold the former while the next one is loaded
            device = None if placement.is_on_cpu else self._accelerator
            device = device or torch.device("cpu")
            cast_for(placement.precision, computing_dtype(placement), device)  # else refused now
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

    def _choose_compilation(self, pipe: Placed, report: Report) -> None:
        """Compile the blocks of this run, where that is wanted and can be."""
        self._is_compiled = False
        if self._compilation is Compilation.OFF:
            return
        if reason := why_not_compiled(pipe.parts.experts()):
            report(Noticed(text=reason))
            return
        self._is_compiled = True
        if not self._has_compiled:
            report(Noticed(text=COMPILED_FIRST))
        self._has_compiled = True

    def _compiled(self, pipe: Placed) -> AbstractContextManager[None]:
        """The transformers with compiled blocks, where that was chosen."""
        if not self._is_compiled:
            return nullcontext()
        return compiled_blocks(pipe.parts.experts(), self._compiler)

    def _identity(self, loaded: LoadedCheckpoint, run: Run) -> Callable[[int], Identity]:
        """What decides the bits of each segment's latents."""
        pipe = loaded.pipe
        identity = {
            **run_identity(pipe, loaded.weights, run.request, run.inputs),
            **pipe.parts.identity(encodes_image=run.inputs != NO_INPUTS),
            "compile": self._compilation.value if self._is_compiled else None,
        }
        # A later segment goes on from what was decoded.
        in_tiles = run.in_tiles and not pipe.vae.use_tiling
        later = {
            **identity,
            "decoding": "in tiles" if in_tiles else None,
            "decoded on": "cpu" if run.decodes_on_cpu else None,
        }
        return lambda segment: later if segment else identity

    def _denoise(
        self,
        loaded: LoadedCheckpoint,
        run: Run,
        report: Report,
        resume: ResumePoints,
        *,
        identity: Identity,
        begun: RunState | None,
        done: Sequence[torch.Tensor],
        before: torch.Tensor | None,
    ) -> torch.Tensor:
        """The latents of the segment after those that are `done`."""
        request, pipe = run.request, loaded.pipe
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
                done=done,
                before=before,
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
        duration_s = request.segments.num_frames / request.fps
        previews = RunPreviews(self._previews, report, duration_s=duration_s)
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


def _left_by(
    begun: RunState | None, request: GenerationRequest
) -> tuple[list[torch.Tensor], RunState | None]:
    """The latents of the segments of which only decoding is left, on the host; and what is begun, if any."""
    if begun is None:
        return [], None
    if begun.step == (len(begun.done) + 1) * request.denoising_steps:
        return [*begun.done, begun.latents], None
    return [*begun.done], begun


def _decoded(
    vae: AutoencoderKLWan, latents: torch.Tensor, shown: range, report: Report
) -> Generator[FrameChunk, None, torch.Tensor]:
    """Hand out those of a segment's frames that are `shown`, whole latent frames.

    Returns:
        The last one as it was decoded, (1, 3, 1, H, W), -1 to 1.
    """
    made = 0
    with closing(decode_frames(vae, latents, lambda: report(StillRunning()))) as decoding:
        for pictures in decoding:
            if made in shown:
                rgb = to_rgb(pictures)
                frames, height, width, _colours = rgb.shape
                yield FrameChunk(
                    rgb=rgb.numpy().data, num_frames=frames, height=height, width=width
                )
            report(StillRunning())
            made += pictures.shape[1]
            if made >= shown.stop:
                break
    return pictures[None, :, -1:].clone()


@contextmanager
def _decoding(pipe: Placed, run: Run) -> Iterator[None]:
    """The VAE where it is to decode, and as it is to: after that, it encodes as in any run."""
    with ExitStack() as until_decoded:
        if run.decodes_on_cpu:
            until_decoded.enter_context(pipe.parts.at_home(pipe.vae))
        else:
            bring(pipe, pipe.vae)
        if run.in_tiles and not pipe.vae.use_tiling:
            pipe.vae.enable_tiling()
            until_decoded.callback(pipe.vae.disable_tiling)
        yield
