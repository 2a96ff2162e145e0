"""Turn what a user said into a request that this machine can carry out."""

import secrets
from collections.abc import Callable, Sequence

from domain.checkpoint import DEFAULT_CHECKPOINT, checkpoint_spec
from domain.errors import InvalidRequest, UnknownImage, UnknownLora, Violation
from domain.generation import MAX_SEED, GenerationDraft, GenerationRequest
from domain.image import InputImage, png_size
from domain.local_checkpoint import LocalCheckpoint
from domain.lora import Lora
from domain.ports.checkpoint_catalog import CheckpointCatalog
from domain.ports.image_store import ImageStore
from domain.ports.lora_catalog import LoraCatalog


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
        *,
        loras: LoraCatalog | None = None,
    ) -> None:
        """Takes `loras` where there are any to choose from."""
        self._catalog = catalog
        self._images = images
        self._draw_seed = draw_seed
        self._loras = loras

    def execute(self, draft: GenerationDraft) -> tuple[GenerationRequest, LocalCheckpoint]:
        """The complete request, and the weights it will run on.

        Blocks for a few file headers, and for the hash of a LoRA that has none yet.

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
            loras=self._named_loras(draft),
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

    def _named_loras(self, draft: GenerationDraft) -> Sequence[tuple[Lora, Sequence[str]]]:
        """Each with the hashes of its files."""
        found, violations = [], []
        for index, said in enumerate(draft.loras or ()):
            pointer = f"/loras/{index}/name"
            try:
                if self._loras is None:
                    raise UnknownLora(f"No LoRA is called {said.name!r}.")
                lora = self._loras.find(said.name)
                found.append((lora, self._loras.hashes(lora)))
            except UnknownLora as error:
                violations.append(Violation(pointer=pointer, reason=error.message))
        if violations:
            raise InvalidRequest(violations)
        return found
