"""Turn what a user said into a request that this machine can carry out."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from domain.checkpoint import CheckpointSpec, chosen_checkpoint
from domain.clip import InputClip, read_clip
from domain.errors import InvalidRequest, UnknownImage, UnknownLora, UnknownVideo, Violation
from domain.generation import MAX_SEED, GenerationDraft, GenerationRequest
from domain.image import InputImage, png_size
from domain.inputs import Given
from domain.local_checkpoint import LocalCheckpoint
from domain.lora import Lora, LoraDraft
from domain.ports.checkpoint_catalog import CheckpointCatalog
from domain.ports.image_store import ImageStore
from domain.ports.lora_catalog import LoraCatalog
from domain.presets import preset_named


def draw_seed() -> int:
    """A seed nobody chose."""
    return secrets.randbelow(MAX_SEED + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A complete request, and what lies on this machine of what it names.

    Attributes:
        loras: what `request.loras` name, in their order.
    """

    request: GenerationRequest
    checkpoint: LocalCheckpoint
    loras: Sequence[Lora]


def find_loras(loras: LoraCatalog | None, said: Sequence[LoraDraft]) -> Sequence[Lora]:
    """Each of those that are named. Blocks for their headers.

    Raises:
        InvalidRequest: one is not here; which names come near is told.
        LoraUnusable, UnsafeWeights: one cannot be used.
    """
    found, violations = [], []
    for index, draft in enumerate(said):
        try:
            if loras is None:
                raise UnknownLora(f"No LoRA is called {draft.name!r}.")
            found.append(loras.find(draft.name))
        except UnknownLora as error:
            reason = error.message.rstrip(".")
            nearest = next((told.nearest for told in error.violations), ())
            pointer = f"/loras/{index}/name"
            violations.append(Violation(pointer=pointer, reason=reason, nearest=nearest))
    if violations:
        raise InvalidRequest(violations)
    return found


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

    def execute(self, draft: GenerationDraft) -> Completed:
        """The complete request, and the weights it will run on.

        Blocks for a few file headers, and for the hash of a LoRA that has none yet.

        Raises:
            InvalidRequest, CheckpointUnavailable: it cannot be done.
        """
        spec = chosen_checkpoint(draft.checkpoint)
        draft = self._with_lora_of_preset(draft, spec)
        loras = [(lora, self._hashes(lora)) for lora in find_loras(self._loras, draft.loras or ())]
        request = draft.complete(
            spec, drawn_seed=self._draw_seed(), given=self._given(draft), loras=loras
        )
        return Completed(
            request=request,
            checkpoint=self._catalog.find(spec.id),
            loras=[lora for lora, _ in loras],
        )

    def _with_lora_of_preset(self, draft: GenerationDraft, spec: CheckpointSpec) -> GenerationDraft:
        """The draft with the LoRA that its preset cannot do without before those it names."""
        preset = preset_named(draft.preset)
        if not preset.needs:
            return draft
        entries = self._loras.entries() if self._loras else ()
        here = [entry.lora for entry in entries if entry.lora is not None]
        needed, said = preset.lora_among(here, spec), draft.loras or ()
        if needed is None or needed in {lora.name for lora in said}:
            return draft
        return replace(draft, loras=(LoraDraft(name=needed), *said))

    def _given(self, draft: GenerationDraft) -> Given:
        references = enumerate(draft.references or ())
        return Given(
            image=_if_named(self._image, "image", draft.image),
            last_image=_if_named(self._image, "last_image", draft.last_image),
            video=_if_named(self._clip, "video", draft.video),
            control_video=_if_named(self._clip, "control_video", draft.control_video),
            control_mask=_if_named(self._clip, "control_mask", draft.control_mask),
            face_video=_if_named(self._clip, "face_video", draft.face_video),
            references=tuple(self._image(f"references/{i}", named) for i, named in references),
        )

    def _image(self, field: str, image_id: str) -> InputImage:
        try:
            path = self._images.locate(image_id)
        except UnknownImage as error:
            is_clip = _is_here(self._images.locate_clip, image_id)
            reason = "is a video, and a picture is wanted here" if is_clip else error.message
            raise InvalidRequest([Violation(pointer=f"/{field}", reason=reason)]) from error
        width, height = png_size(path)
        return InputImage(id=image_id, width=width, height=height)

    def _hashes(self, lora: Lora) -> Sequence[str]:
        assert self._loras is not None, "it was found there"
        return self._loras.hashes(lora)

    def _clip(self, field: str, clip_id: str) -> InputClip:
        try:
            path = self._images.locate_clip(clip_id)
        except UnknownVideo as error:
            is_picture = _is_here(self._images.locate, clip_id)
            reason = "is a picture, and a video is wanted here" if is_picture else error.message
            raise InvalidRequest([Violation(pointer=f"/{field}", reason=reason)]) from error
        return read_clip(clip_id, path)


_T = TypeVar("_T")


def _is_here(locate: Callable[[str], Path], named: str) -> bool:
    try:
        locate(named)
    except (UnknownImage, UnknownVideo):
        return False
    return True


def _if_named(find: Callable[[str, str], _T], field: str, named: str | None) -> _T | None:
    return None if named is None else find(field, named)
