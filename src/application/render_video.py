"""Worker side: carry out one order, from words to a durable file."""

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain, islice

from application.encode_alongside import encode_alongside
from application.resume_points import KeepResumePoints
from domain.errors import EncodingFailed, LoraUnusable, UnknownLora
from domain.generation import GenerationRequest
from domain.inputs import InputFiles
from domain.local_checkpoint import LocalCheckpoint
from domain.lora import Lora, LoraUse
from domain.ports.artifact_store import ArtifactStore
from domain.ports.checkpoint_catalog import CheckpointCatalog
from domain.ports.image_store import ImageStore
from domain.ports.lora_catalog import LoraCatalog
from domain.ports.video_encoder import Footage, VideoEncoder
from domain.ports.video_pipeline import VideoPipeline
from domain.progress import Stage
from domain.recipe import Recipe
from domain.rendering import Noticed, RenderOrder, Report, StageEntered
from domain.run import Run
from domain.video import FrameChunk, VideoFile

_log = logging.getLogger(__name__)


def _never() -> bool:
    return False


class RenderVideo:
    """Pipeline -> encoder, chunk by chunk -> read back -> sha256 -> fsync."""

    def __init__(
        self,
        catalog: CheckpointCatalog,
        pipeline: VideoPipeline,
        encoder: VideoEncoder,
        store: ArtifactStore,
        images: ImageStore,
        resume: KeepResumePoints,
        *,
        version: str,
        loras: LoraCatalog | None = None,
    ) -> None:
        """Takes `loras` where there are any to choose from. `version`: Wan Studio's own."""
        self._catalog = catalog
        self._pipeline = pipeline
        self._encoder = encoder
        self._store = store
        self._images = images
        self._resume = resume
        self._version = version
        self._loras = loras

    def execute(
        self, order: RenderOrder, report: Report, wants_out: Callable[[], bool] = _never
    ) -> VideoFile:
        """The staged, durable file of that attempt.

        Goes on from the job's resume point, and leaves one, also where it ends well: the file is only
        staged. Whoever publishes it discards the point.

        Args:
            wants_out: whether the run is to save what it has after its present step; `report` then
                raises `RenderSuspended`.

        Raises:
            CheckpointUnavailable, RenderError, StorageError: it could not be made.
            Whatever `report` raises; nothing is left staged then.
        """
        request = order.request
        checkpoint = self._catalog.find(request.checkpoint)
        self._catalog.note_use(checkpoint)
        loras = [self._lora(use) for use in request.loras]
        recipe = Recipe(
            request=request,
            version=self._version,
            weights=checkpoint.weights,
            memory_rung=order.rung,
        )
        staged = self._store.stage(order.job_id, order.fence)
        try:
            with closing(self._frames(order, checkpoint, loras, report, wants_out)) as frames:
                first = list(islice(frames, 1))  # from here the pipeline knows how it works
                recipe = replace(recipe, ways=self._pipeline.ways())
                encode = partial(
                    self._encoder.encode,
                    path=staged,
                    fps=request.fps,
                    metadata=recipe.to_metadata(),
                )
                footage = encode_alongside(encode, chain(first, frames))
            _check(footage, recipe)
            if doubt := footage.appearance.doubt(num_frames=footage.num_frames):
                report(Noticed(text=doubt))
            sealed = self._store.seal(staged)
        except BaseException:
            self._store.discard(order.job_id, fence=order.fence)
            raise
        _log.info("video written", extra={"job_id": order.job_id, "bytes": sealed.size_bytes})
        return VideoFile(
            sha256=sealed.sha256,
            size_bytes=sealed.size_bytes,
            width=footage.width,
            height=footage.height,
            num_frames=footage.num_frames,
            fps=footage.fps,
            duration_s=footage.duration_s,
            codec=footage.codec,
        )

    def _frames(
        self,
        order: RenderOrder,
        checkpoint: LocalCheckpoint,
        loras: Sequence[Lora],
        report: Report,
        wants_out: Callable[[], bool],
    ) -> Generator[FrameChunk]:
        """The pipeline's chunks; the encoder has the last word once they are all handed over."""
        run = Run(
            request=order.request,
            checkpoint=checkpoint,
            inputs=self._inputs(order.request),
            loras=loras,
            placement=order.placement,
            in_tiles=order.in_tiles,
            decodes_on_cpu=order.decodes_on_cpu,
        )
        yield from self._pipeline.generate(
            run, report, self._resume.begin(order, report, wants_out)
        )
        report(StageEntered(stage=Stage.ENCODING_VIDEO))

    def _inputs(self, request: GenerationRequest) -> InputFiles:
        locate, locate_clip = self._images.locate, self._images.locate_clip
        return InputFiles(
            image=locate(request.image) if request.image else None,
            last_image=locate(request.last_image) if request.last_image else None,
            video=locate_clip(request.video) if request.video else None,
            control_video=locate_clip(request.control_video) if request.control_video else None,
            control_mask=locate_clip(request.control_mask) if request.control_mask else None,
            face_video=locate_clip(request.face_video) if request.face_video else None,
            references=tuple(locate(image_id) for image_id in request.references),
        )

    def _lora(self, use: LoraUse) -> Lora:
        """The very files that the request was accepted for.

        Raises:
            LoraUnusable: they are gone, or others lie in their place.
        """
        try:
            if self._loras is None:
                raise UnknownLora(f"No LoRA is called {use.name!r}.")
            lora = self._loras.find(use.name)
        except UnknownLora as error:
            raise LoraUnusable(f"{error.message} It was here when this was asked for.") from error
        if tuple(self._loras.hashes(lora)) != use.sha256:
            raise LoraUnusable(
                f"The LoRA {use.name} is not the file that this was asked for with: it was replaced. "
                "Ask again, or put the former file back."
            )
        return lora


def _check(footage: Footage, recipe: Recipe) -> None:
    """Whether the file, read back, is the video that was asked for."""
    request, metadata = recipe.request, recipe.to_metadata()
    asked = (request.width, request.height, request.num_frames, request.fps, metadata)
    got = (footage.width, footage.height, footage.num_frames, footage.fps, dict(footage.metadata))
    if asked != got:
        raise EncodingFailed(
            f"The file holds {footage.num_frames} frames of {footage.width}x{footage.height} at "
            f"{footage.fps:g} fps, or lost its recipe; {request.num_frames} of "
            f"{request.width}x{request.height} at {request.fps} fps were asked for."
        )
