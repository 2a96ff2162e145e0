"""A generation that is made from another: what it takes over, and what it remembers of where it comes from."""

from collections.abc import Collection
from dataclasses import fields, replace
from enum import StrEnum
from typing import Any, Final

from domain.generation import GenerationDraft, GenerationRequest
from domain.presets import is_of_a_preset


class Derivation(StrEnum):
    """How one generation comes of another.

    `REMIX`: the same, asked for in other words. `EDIT`: its video is made anew. `EXTENSION`: it begins
    with the last frame of its video.
    """

    REMIX = "remix"
    EDIT = "edit"
    EXTENSION = "extension"


#: What is given to a generation beside its words; a video that is made from another's has none of it.
_GIVEN: Final = frozenset(
    {
        "image",
        "last_image",
        "image_fit",
        "video",
        "strength",
        "control_video",
        "control_mask",
        "face_video",
        "references",
    }
)
#: What a request means by itself. The rest is a matter of the checkpoint that it was chosen for.
_OF_ANY_CHECKPOINT: Final = _GIVEN | {"prompt", "width", "height", "seed"}

#: What a preset stands for where nothing is said of it.
_OF_PRESETS: Final = frozenset(
    {
        "steps",
        "guidance_high_noise",
        "guidance_low_noise",
        "flow_shift",
        "scheduler",
        "guidance_until",
        "step_cache",
        "loras_from",
        "precision",
    }
)


def remixed(source: GenerationRequest, said: GenerationDraft) -> GenerationDraft:
    """The same with other words: what `said` says wins, all else is as it was, seed and pictures included."""
    return _over(source, said, without=())


def edited(source: GenerationRequest, said: GenerationDraft, *, clip_id: str) -> GenerationDraft:
    """Its video, which is the clip now, made anew."""
    return replace(_over(source, said, without=_GIVEN), video=clip_id)


def extended(source: GenerationRequest, said: GenerationDraft, *, image_id: str) -> GenerationDraft:
    """A video that begins with the last frame of its own, and has noise of its own."""
    return replace(_over(source, said, without=_GIVEN | {"seed"}), image=image_id)


def _over(
    source: GenerationRequest, said: GenerationDraft, *, without: Collection[str]
) -> GenerationDraft:
    base = _attributes(GenerationDraft.of(source))
    if said.checkpoint not in {None, source.checkpoint}:
        base = {name: value for name, value in base.items() if name in _OF_ANY_CHECKPOINT}
    without = {*without, *(_OF_PRESETS if said.preset is not None else ())}
    base = {name: value for name, value in base.items() if name not in without}
    if said.preset is not None and base.get("loras"):
        base["loras"] = tuple(use for use in base["loras"] if not is_of_a_preset(use.name))
    told = {name: value for name, value in _attributes(said).items() if value is not None}
    return GenerationDraft(**{**base, **told})


def _attributes(draft: GenerationDraft) -> dict[str, Any]:
    return {field.name: getattr(draft, field.name) for field in fields(draft)}
