"""What made a video, as it lies in the video's own file: enough to make it again.

It holds nothing that differs between two runs of one request, so that their files are equal, too.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

from domain.generation import GenerationRequest

#: The key of a container's metadata under which it lies, as JSON.
RECIPE_KEY: Final = "comment"
_GENERATOR: Final = "Wan Studio"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The request, and what it met.

    Attributes:
        version: Wan Studio's; None where a file does not say.
        weights: as `LocalCheckpoint.weights` has them; None where nobody knows.
        ways: as `VideoPipeline.ways`: a faster kernel that rounds otherwise, say.
        memory_rung: as `RenderOrder.rung`: pictures decoded in tiles, or on another device, are not quite the same.
    """

    request: GenerationRequest
    version: str | None = None
    weights: Mapping[str, str] | None = None
    memory_rung: int = 0
    ways: Mapping[str, str] = field(default_factory=dict)

    def to_metadata(self) -> dict[str, str]:
        """What an encoder embeds."""
        told: dict[str, object] = {
            "generator": _GENERATOR,
            "version": self.version,
            "weights": dict(self.weights) if self.weights is not None else None,
            "request": asdict(self.request),
        }
        if self.memory_rung:
            told["memory_rung"] = self.memory_rung
        if self.ways:
            told["ways"] = dict(self.ways)
        return {RECIPE_KEY: json.dumps(told, ensure_ascii=False)}


def differences(
    recipe: Recipe, *, version: str, weights: Mapping[str, str] | None
) -> Sequence[str]:
    """Why what is here may make another video of `recipe`, in sentences; none where nothing does.

    Args:
        version: of the Wan Studio that is here.
        weights: of the recipe's checkpoint as it is here.
    """
    told = []
    if recipe.ways:
        ways = ", ".join(f"{name} {way}" for name, way in sorted(recipe.ways.items()))
        told.append(f"It was computed with {ways}: here that is so only where the settings say it.")
    if recipe.version != version:
        made_by = recipe.version or "a version that it does not name"
        told.append(f"It was made by Wan Studio {made_by}; this is {version}.")
    checkpoint = recipe.request.checkpoint
    if recipe.weights is None or weights is None:
        whose = "the file's" if recipe.weights is None else "those that are here"
        told.append(f"The hashes of {checkpoint}'s weights are not known: {whose} have none.")
        return told
    parts = sorted(recipe.weights.keys() | weights.keys())
    if others := [part for part in parts if recipe.weights.get(part) != weights.get(part)]:
        told.append(f"Other weights of {checkpoint} are here: {', '.join(others)} differ.")
    return told
