"""The outputs' routes: find finished videos, judge them, delete them and bring them back."""

import json
from typing import Annotated, Final

from litestar import Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta, Struct

from adapters.http.library_filters import (
    Checkpoints,
    Favourite,
    Loras,
    MinRating,
    Since,
    Sizes,
    Until,
    Words,
    filters_of,
)
from adapters.http.output_pictures import get_spritesheet, get_thumbnail
from adapters.http.output_representations import (
    Manifest,
    Output,
    OutputPage,
    facets,
    manifest,
    output,
)
from adapters.http.output_video import get_video
from adapters.http.problems import refusals
from adapters.http.representations import OUTPUTS, GenerationId
from application.browse_library import BrowseLibrary
from application.delete_generation import DeleteGeneration
from application.judge_output import JudgeOutput
from application.take_excerpts import TakeExcerpts
from domain.access import Scope
from domain.errors import InvalidRequest, Violation
from domain.library import MAX_RATING, Order

MAX_PAGE: Final = 200


class Judgement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What its owner thinks of a video; what is left out stays as it is."""

    rating: (
        Annotated[int, Meta(ge=0, le=MAX_RATING, description="Stars; 0 takes them away.")] | None
    ) = None
    favourite: Annotated[bool, Meta(description="Whether it is one.")] | None = None


@get(scope=Scope.READ, responses=refusals(404, 503))
async def list_outputs(
    browse: NamedDependency[BrowseLibrary],
    q: Words = "",
    checkpoint: Checkpoints = (),
    lora: Loras = (),
    size: Sizes = (),
    since: Since = None,
    until: Until = None,
    min_rating: MinRating = 0,
    favourite: Favourite = None,
    deleted: Annotated[
        bool, QueryParameter(description="Those that were deleted and can be restored, instead.")
    ] = False,
    order: Annotated[
        Order, QueryParameter(description="By when they were asked for.")
    ] = Order.NEWEST,
    counted: Annotated[
        bool, QueryParameter(description="Whether the first page counts the values of each filter.")
    ] = True,
    cursor: Annotated[
        str, QueryParameter(description="The `next_cursor` of the page before.")
    ] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="How many, at most.")] = 50,
) -> OutputPage:
    """Finished videos, newest first: all filters hold at once; of one named twice, either value will do."""
    filters = filters_of(
        q=q,
        checkpoint=checkpoint,
        lora=lora,
        size=size,
        since=since,
        until=until,
        min_rating=min_rating,
        favourite=favourite,
    )
    found = await browse.outputs(
        filters, is_deleted=deleted, order=order, after=cursor or None, limit=limit + 1
    )
    wants_counts = counted and not cursor
    counts = await browse.facets(filters, is_deleted=deleted) if wants_counts else None
    page = [output(entry) for entry in found[:limit]]
    return OutputPage(
        data=page,
        next_cursor=page[-1].id if len(found) > limit else None,
        facets=facets(counts) if counts else None,
    )


@get("/{output_id:str}", scope=Scope.READ, responses=refusals(404, 503))
async def get_output(browse: NamedDependency[BrowseLibrary], output_id: GenerationId) -> Output:
    """One finished video: its facts, all that was asked, and what came of it."""
    entry = await browse.output(output_id)
    return output(entry, await browse.lineage(entry))


@get("/{output_id:str}/manifest", scope=Scope.READ, responses=refusals(404, 422, 503))
async def get_manifest(
    browse: NamedDependency[BrowseLibrary],
    excerpts: NamedDependency[TakeExcerpts],
    output_id: GenerationId,
) -> Manifest:
    """How a video was made: the request, versions, hashes of weights and file, what it took."""
    entry = await browse.output(output_id)
    taken = await excerpts.execute(entry)
    return manifest(entry, json.loads(taken.recipe) if taken.recipe else {})


@patch("/{output_id:str}", scope=Scope.GENERATE, responses=refusals(403, 404, 413, 415, 503, 507))
async def judge_output(
    data: JSONBody[Judgement], judge: NamedDependency[JudgeOutput], output_id: GenerationId
) -> Output:
    """Give a video stars, or make it a favourite. Favourites outlive `outputs.keep_days`."""
    if data.rating is None and data.favourite is None:
        raise InvalidRequest(
            [Violation(pointer="/rating", reason="say what: give a rating, or a favourite")]
        )
    return output(await judge.execute(output_id, rating=data.rating, is_favourite=data.favourite))


@delete(
    "/{output_id:str}",
    status_code=204,
    scope=Scope.GENERATE,
    responses=refusals(403, 404, 503, 507),
)
async def delete_output(
    deleting: NamedDependency[DeleteGeneration], output_id: GenerationId
) -> None:
    """Delete a video; its generation stays. For `outputs.trash_days` it can be restored, then it is gone."""
    await deleting.video(output_id)


@post(
    "/{output_id:str}/restore",
    status_code=200,
    scope=Scope.GENERATE,
    responses=refusals(403, 404, 409, 503, 507),
)
async def restore_output(
    deleting: NamedDependency[DeleteGeneration], output_id: GenerationId
) -> Output:
    """Undo the deletion of a video, or of its generation. 409 once it is gone for good."""
    return output(await deleting.restore_video(output_id))


def outputs_router() -> Router:
    """The routes under `/api/v1/outputs`."""
    return Router(
        OUTPUTS,
        route_handlers=[
            list_outputs,
            get_output,
            get_video,
            get_thumbnail,
            get_spritesheet,
            get_manifest,
            judge_output,
            delete_output,
            restore_output,
        ],
        tags=["Outputs"],
    )
