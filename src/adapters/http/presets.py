"""The presets' route: what can be traded for speed, and what each trade costs."""

from collections.abc import Sequence

from litestar import get
from litestar.di import NamedDependency
from msgspec import Struct

from adapters.http.problems import refusals
from domain.access import Scope
from domain.lora import Lora
from domain.ports.lora_catalog import LoraCatalog
from domain.preset_costs import COSTS
from domain.presets import PRESETS, Preset, PresetCost


class NeededLoraFacts(Struct, frozen=True, kw_only=True):
    """A LoRA without which a preset does nothing for a checkpoint.

    Attributes:
        lora: the name of the one here that will be used; null where none is.
        example: files that would do, as they are called where they are published.
        source: where that is.
    """

    checkpoint: str
    lora: str | None
    example: str
    source: str


class PresetFacts(Struct, frozen=True, kw_only=True):
    """A preset as clients see it.

    Attributes:
        loss: what is given up, in words.
        checkpoints: those it is for, each with a LoRA that must be here; null for every one.
        needs: for each of those, its LoRA.
        measured: against the exact run, on the miniatures; empty where that was not.
    """

    name: str
    loss: str
    checkpoints: Sequence[str] | None
    needs: Sequence[NeededLoraFacts]
    measured: Sequence[PresetCost]


class PresetList(Struct, frozen=True, kw_only=True):
    """Every preset: the default first, then the less exact the later."""

    data: Sequence[PresetFacts]


@get(
    "/api/v1/presets", scope=Scope.READ, sync_to_thread=True, tags=["Models"], responses=refusals()
)
def list_presets(loras: NamedDependency[LoraCatalog]) -> PresetList:
    """What can be traded for speed, and what it costs."""
    here = [entry.lora for entry in loras.entries() if entry.lora is not None]
    return PresetList(data=[_facts(preset, here) for preset in PRESETS])


def _facts(preset: Preset, here: Sequence[Lora]) -> PresetFacts:
    return PresetFacts(
        name=preset.name,
        loss=preset.loss,
        checkpoints=sorted(preset.needs) or None,
        needs=[
            NeededLoraFacts(
                checkpoint=checkpoint,
                lora=needed.among(here),
                example=needed.example,
                source=needed.source,
            )
            for checkpoint, needed in sorted(preset.needs.items())
        ],
        measured=[cost for cost in COSTS if cost.preset == preset.name],
    )
