"""The checkpoints' routes: which there are, and what brings them here, proves them, takes them away."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, TypeAlias

from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter
from msgspec import Struct

from adapters.http.private_paths import optional_without_paths, without_paths
from adapters.http.problems import refusals
from application.list_checkpoints import CheckpointState, CheckpointStatus, ListCheckpoints
from application.remove_checkpoint import RemoveCheckpoint
from application.work_on_checkpoints import CheckpointWork, WorkKind, WorkOnCheckpoints
from domain.access import Scope
from domain.checkpoint import Defaults, checkpoint_spec
from domain.stored_checkpoint import Origin, Removal, UnfinishedTransfer

#: What routes name one by.
ModelId: TypeAlias = Annotated[str, PathParameter(description="A checkpoint's id.")]


class Size(Struct, frozen=True, kw_only=True):
    """Pixels."""

    width: int
    height: int


class Unfinished(Struct, frozen=True, kw_only=True):
    """A pull or a repair that was cut, or is under way: pull or repair again, and it goes on.

    Attributes:
        repository: where the files come from.
        revision: the commit of it.
    """

    repository: str
    revision: str
    done_bytes: int
    total_bytes: int


class Model(Struct, frozen=True, kw_only=True):
    """A checkpoint as clients see it.

    Attributes:
        title: what its authors call it.
        state: whether its files are here, and whole.
        problem: why it cannot be used; null where it can.
        weight_bytes: null where the weights are not here.
        size_bytes: of all its files; null where there are none.
        origin: how they came to lie there.
        source: where they came from, in words.
        used_at: when it was last used, or put there where it was not used since.
        unfinished: a pull or a repair that was cut; null where there is none.
        work: the last pull, verification or repair since the server began.
        takes_image: whether a first image may be given.
        needs_image: whether one must be.
        takes_last_image: whether a last image may be given beside the first.
        takes_video: whether a video may be given to be made anew.
        takes_control: whether a control video, its mask and references may be given.
        animates_character: whether a reference, a video of poses and one of the face must be given.
        has_two_experts: whether high and low noise have a guidance and LoRA strengths each; where one
            network does all of it, the two must be equal.
        defaults: what a generation means by silence.
        native_sizes: what it was made for.
        side_multiple: width and height are multiples of it.
        frame_stride: a video has a multiple of it, and one, for its frames.
        max_frames: of the longest video that it makes.
        prompts: a few that show what it can do.
    """

    id: str
    title: str
    available: bool
    state: CheckpointState
    problem: str | None
    weight_bytes: int | None
    size_bytes: int | None
    origin: Origin | None
    source: str | None
    used_at: datetime | None
    unfinished: Unfinished | None
    work: CheckpointWork | None
    takes_image: bool
    needs_image: bool
    takes_last_image: bool
    takes_video: bool
    takes_control: bool
    animates_character: bool
    has_two_experts: bool
    defaults: Defaults
    native_sizes: Sequence[Size]
    side_multiple: int
    frame_stride: int
    max_frames: int
    prompts: Sequence[str]
    note: str


class ModelList(Struct, frozen=True, kw_only=True):
    """Every checkpoint Wan Studio knows."""

    data: Sequence[Model]


class Offer(Struct, frozen=True, kw_only=True):
    """What a pull would bring here.

    Attributes:
        repository: where the files come from.
        revision: the commit of it.
        size_bytes: of all files; what a cut pull has brought is among them.
        files: how many.
    """

    repository: str
    revision: str
    size_bytes: int
    files: int


@get("/", scope=Scope.READ, sync_to_thread=True, responses=refusals())
def list_models(
    checkpoints: NamedDependency[ListCheckpoints], work: NamedDependency[WorkOnCheckpoints]
) -> ModelList:
    """Every checkpoint, here or not, with the defaults a generation takes from it."""
    return ModelList(data=[_model(status, work) for status in checkpoints.execute()])


@get("/{model_id:str}", scope=Scope.READ, sync_to_thread=True, responses=refusals(404))
def get_model(
    checkpoints: NamedDependency[ListCheckpoints],
    work: NamedDependency[WorkOnCheckpoints],
    model_id: ModelId,
) -> Model:
    """One checkpoint; `work` tells how far a pull, a verification or a repair is."""
    wanted = checkpoint_spec(model_id)
    return next(
        _model(status, work) for status in checkpoints.execute() if status.entry.spec is wanted
    )


@get(
    "/{model_id:str}/offer",
    scope=Scope.ADMIN,
    sync_to_thread=True,
    responses=refusals(403, 404, 409, 502),
)
def get_offer(work: NamedDependency[WorkOnCheckpoints], model_id: ModelId) -> Offer:
    """What a pull of it would bring here, and how large that is; asks the hub, and fetches nothing."""
    listing = work.offer(model_id)
    return Offer(
        repository=listing.repository,
        revision=listing.revision,
        size_bytes=listing.size_bytes,
        files=len(listing.files),
    )


@post(
    "/{model_id:str}/pull",
    status_code=202,
    scope=Scope.ADMIN,
    sync_to_thread=True,
    responses=refusals(403, 404, 409),
)
def pull_model(work: NamedDependency[WorkOnCheckpoints], model_id: ModelId) -> CheckpointWork:
    """Fetch it from its repository, or go on with a pull that was cut; 202 at once.

    Asked again while it runs, it is the same pull.
    """
    return _shown(work.start(WorkKind.PULL, model_id))


@post(
    "/{model_id:str}/verify",
    status_code=202,
    scope=Scope.ADMIN,
    sync_to_thread=True,
    responses=refusals(403, 404, 409),
)
def verify_model(work: NamedDependency[WorkOnCheckpoints], model_id: ModelId) -> CheckpointWork:
    """Read every byte of it; what is wrong is in `work.faults` afterwards."""
    return _shown(work.start(WorkKind.VERIFY, model_id))


@post(
    "/{model_id:str}/repair",
    status_code=202,
    scope=Scope.ADMIN,
    sync_to_thread=True,
    responses=refusals(403, 404, 409),
)
def repair_model(work: NamedDependency[WorkOnCheckpoints], model_id: ModelId) -> CheckpointWork:
    """Verify a pulled checkpoint, then fetch the files that are wrong; they are in `work.faults`."""
    return _shown(work.start(WorkKind.REPAIR, model_id))


@post(
    "/{model_id:str}/stop",
    status_code=202,
    scope=Scope.ADMIN,
    sync_to_thread=True,
    responses=refusals(403, 404, 409),
)
def stop_work(work: NamedDependency[WorkOnCheckpoints], model_id: ModelId) -> CheckpointWork:
    """End the pull, verification or repair of it, at its next chunk: pull or repair again, and it goes on."""
    return _shown(work.stop(model_id))


@delete(
    "/{model_id:str}",
    status_code=200,
    scope=Scope.ADMIN,
    sync_to_thread=True,
    responses=refusals(403, 404, 409, 503, 507),
)
def remove_model(removing: NamedDependency[RemoveCheckpoint], model_id: ModelId) -> Removal:
    """Take away what Wan Studio put there; what ships with it, and what others put there, stays."""
    return removing.execute(model_id)


def models_router() -> Router:
    """The routes under `/api/v1/models`."""
    return Router(
        "/api/v1/models",
        route_handlers=[
            list_models,
            get_model,
            get_offer,
            pull_model,
            verify_model,
            repair_model,
            stop_work,
            remove_model,
        ],
        tags=["Models"],
    )


def _model(status: CheckpointStatus, work: WorkOnCheckpoints) -> Model:
    spec, stored = status.entry.spec, status.stored
    return Model(
        id=spec.id,
        title=spec.title,
        available=status.entry.problem is None,
        state=status.state,
        problem=optional_without_paths(status.entry.problem),
        weight_bytes=status.local.weight_bytes if status.local else None,
        size_bytes=stored.size_bytes if stored else None,
        origin=stored.origin if stored else None,
        source=without_paths(stored.source) if stored else None,
        used_at=stored.used_at if stored else None,
        unfinished=_unfinished(status.unfinished) if status.unfinished else None,
        work=_shown(latest) if (latest := work.latest(spec.id)) else None,
        takes_image=spec.takes_image,
        needs_image=spec.needs_image,
        takes_last_image=spec.takes_last_image,
        takes_video=spec.takes_video,
        takes_control=spec.takes_control,
        animates_character=spec.animates_character,
        has_two_experts=spec.has_two_experts,
        defaults=spec.defaults,
        native_sizes=[Size(width=width, height=height) for width, height in spec.native_sizes],
        side_multiple=spec.geometry.side_multiple,
        frame_stride=spec.geometry.temporal_stride,
        max_frames=spec.max_frames,
        prompts=spec.prompts,
        note=spec.note,
    )


def _shown(work: CheckpointWork) -> CheckpointWork:
    return replace(work, message=optional_without_paths(work.message))


def _unfinished(transfer: UnfinishedTransfer) -> Unfinished:
    return Unfinished(
        repository=transfer.listing.repository,
        revision=transfer.listing.revision,
        done_bytes=transfer.done_bytes,
        total_bytes=transfer.listing.size_bytes,
    )
