"""The checkpoints' route: which there are, and which can be used here."""

from collections.abc import Sequence

from litestar import get
from litestar.di import NamedDependency
from msgspec import Struct

from adapters.http.problems import refusals
from domain.checkpoint import Defaults
from domain.ports.checkpoint_catalog import CatalogEntry, CheckpointCatalog


class Size(Struct, frozen=True, kw_only=True):
    """Pixels."""

    width: int
    height: int


class Model(Struct, frozen=True, kw_only=True):
    """A checkpoint as clients see it.

    Attributes:
        problem: why it cannot be used; null where it can.
        weight_bytes: null where the weights are not here.
        prompts: a few that show what it can do.
    """

    id: str
    title: str
    available: bool
    problem: str | None
    weight_bytes: int | None
    takes_image: bool
    needs_image: bool
    takes_last_image: bool
    takes_video: bool
    takes_control: bool
    animates_character: bool
    defaults: Defaults
    native_sizes: Sequence[Size]
    max_frames: int
    prompts: Sequence[str]
    note: str


class ModelList(Struct, frozen=True, kw_only=True):
    """Every checkpoint Wan Studio knows."""

    data: Sequence[Model]


@get("/api/v1/models", sync_to_thread=True, tags=["Models"], responses=refusals())
def list_models(catalog: NamedDependency[CheckpointCatalog]) -> ModelList:
    """Every checkpoint, here or not, with the defaults a generation takes from it."""
    return ModelList(data=[_model(entry) for entry in catalog.entries()])


def _model(entry: CatalogEntry) -> Model:
    spec = entry.spec
    return Model(
        id=spec.id,
        title=spec.title,
        available=entry.problem is None,
        problem=entry.problem,
        weight_bytes=entry.local.weight_bytes if entry.local else None,
        takes_image=spec.takes_image,
        needs_image=spec.needs_image,
        takes_last_image=spec.takes_last_image,
        takes_video=spec.takes_video,
        takes_control=spec.takes_control,
        animates_character=spec.animates_character,
        defaults=spec.defaults,
        native_sizes=[Size(width=width, height=height) for width, height in spec.native_sizes],
        max_frames=spec.max_frames,
        prompts=spec.prompts,
        note=spec.note,
    )
