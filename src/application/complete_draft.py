"""Turn what a user said into a request that this machine can carry out."""

import secrets
from collections.abc import Callable

from domain.checkpoint import DEFAULT_CHECKPOINT, checkpoint_spec
from domain.clip import InputClip, read_clip
from domain.errors import InvalidRequest, UnknownImage, UnknownVideo, Violation
from domain.generation import MAX_SEED, GenerationDraft, GenerationRequest
from domain.image import InputImage, png_size
from domain.local_checkpoint import LocalCheckpoint
from domain.ports.checkpoint_catalog import CheckpointCatalog
from domain.ports.image_store import ImageStore


def draw_seed() -> int:
    """A seed nobody chose."""
    return secrets.randbelow(MAX_SEED + 1)


class CompleteDraft:
    """Judges the request first and the weights second: a typing error is told even without weights."""

    def __init__(
        self,
        catalog: CheckpointCatalog,
        images: ImageStore,
        draw_seed: Callable[[], int] = draw_seed,
    ) -> None:
        self._catalog = catalog
        self._images = images
        self._draw_seed = draw_seed

    def execute(self, draft: GenerationDraft) -> tuple[GenerationRequest, LocalCheckpoint]:
        """The complete request, and the weights it will run on. Blocks for a few file headers.

        Raises:
            InvalidRequest, UnknownCheckpoint, CheckpointUnavailable: it cannot be done.
        """
        named = DEFAULT_CHECKPOINT if draft.checkpoint is None else draft.checkpoint
        spec = checkpoint_spec(named)
        request = draft.complete(
            spec,
            drawn_seed=self._draw_seed(),
            image=self._image("image", draft.image),
            last_image=self._image("last_image", draft.last_image),
            video=self._clip(draft.video),
        )
        return request, self._catalog.find(spec.id)

    def _image(self, field: str, image_id: str | None) -> InputImage | None:
        if image_id is None:
            return None
        try:
            path = self._images.locate(image_id)
        except UnknownImage as error:
            raise InvalidRequest([Violation(pointer=f"/{field}", reason=error.message)]) from error
        width, height = png_size(path)
        return InputImage(id=image_id, width=width, height=height)

    def _clip(self, clip_id: str | None) -> InputClip | None:
        if clip_id is None:
            return None
        try:
            path = self._images.locate_clip(clip_id)
        except UnknownVideo as error:
            raise InvalidRequest([Violation(pointer="/video", reason=error.message)]) from error
        return read_clip(clip_id, path)
