"""The checkpoints that can be used, as OpenAI's clients list models."""

from collections.abc import Sequence

from litestar import Router, get
from litestar.di import NamedDependency
from msgspec import Struct

from adapters.http.models import ModelId
from adapters.http.openai.errors import refusals
from adapters.http.private_paths import without_paths
from application.list_checkpoints import ListCheckpoints
from domain.access import Scope
from domain.checkpoint import checkpoint_spec
from domain.errors import UnknownCheckpoint
from domain.repository import REPOSITORIES


class UsableModel(Struct, frozen=True, kw_only=True):
    """A checkpoint that can be used.

    Attributes:
        object: always `model`.
        created: 0: nobody tells when it was made.
        owned_by: who published it; `wan-studio` for those that ship with it.
    """

    id: str
    object: str = "model"
    created: int = 0
    owned_by: str


class UsableModels(Struct, frozen=True, kw_only=True):
    """Those whose weights are here and whole.

    Attributes:
        object: always `list`.
    """

    object: str = "list"
    data: Sequence[UsableModel]


@get("/", scope=Scope.READ, sync_to_thread=True, responses=refusals())
def list_usable_models(checkpoints: NamedDependency[ListCheckpoints]) -> UsableModels:
    """Every checkpoint that can be used; `GET /api/v1/models` tells of the others, too."""
    statuses = checkpoints.execute()
    return UsableModels(data=[_model(s.entry.spec.id) for s in statuses if s.entry.problem is None])


@get("/{model_id:str}", scope=Scope.READ, sync_to_thread=True, responses=refusals(404))
def retrieve_model(checkpoints: NamedDependency[ListCheckpoints], model_id: ModelId) -> UsableModel:
    """One checkpoint that can be used."""
    spec = checkpoint_spec(model_id)
    entry = next(s.entry for s in checkpoints.execute() if s.entry.spec is spec)
    if entry.problem is not None:
        raise UnknownCheckpoint(without_paths(entry.problem))
    return _model(spec.id)


def openai_models_router() -> Router:
    """The routes under `/v1/models`."""
    return Router(
        "/v1/models",
        route_handlers=[list_usable_models, retrieve_model],
        tags=["OpenAI models"],
    )


def _model(checkpoint_id: str) -> UsableModel:
    owner, _, _ = REPOSITORIES.get(checkpoint_id, "wan-studio/").partition("/")
    return UsableModel(id=checkpoint_id, owned_by=owner)
