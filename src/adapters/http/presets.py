"""The presets' route: what can be traded for speed, and what each trade costs."""

from collections.abc import Sequence

from litestar import get
from msgspec import Struct

from adapters.http.problems import refusals
from domain.access import Scope
from domain.preset_costs import COSTS
from domain.presets import PRESETS, Preset, PresetCost


class PresetFacts(Struct, frozen=True, kw_only=True):
    """A preset as clients see it.

    Attributes:
        loss: what is given up, in words.
        checkpoints: those it is for, each with a LoRA that must be here; null for every one.
        measured: against the exact run, on the miniatures; empty where that was not.
    """

    name: str
    loss: str
    checkpoints: Sequence[str] | None
    measured: Sequence[PresetCost]


class PresetList(Struct, frozen=True, kw_only=True):
    """Every preset: the default first, then the less exact the later."""

    data: Sequence[PresetFacts]


@get(
    "/api/v1/presets",
    scope=Scope.READ,
    sync_to_thread=False,
    tags=["Models"],
    responses=refusals(),
)
def list_presets() -> PresetList:
    """What can be traded for speed, and what it costs."""
    return PresetList(data=[_facts(preset) for preset in PRESETS])


def _facts(preset: Preset) -> PresetFacts:
    return PresetFacts(
        name=preset.name,
        loss=preset.loss,
        checkpoints=sorted(preset.needs) or None,
        measured=[cost for cost in COSTS if cost.preset == preset.name],
    )
