"""The generations' routes: ask for a video, watch it come, stop it."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final

from litestar import Request, Response, Router, delete, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, JSONBody, QueryParameter

from adapters.http import streams
from adapters.http.events import told
from adapters.http.library_filters import (
    Checkpoints,
    Loras,
    Since,
    Sizes,
    Until,
    Words,
    filters_of,
)
from adapters.http.new_generation import NewGeneration
from adapters.http.parameters import ClientHeader, KeyHeader
from adapters.http.previews import get_preview
from adapters.http.problems import refusals
from adapters.http.representations import (
    GENERATIONS,
    Generation,
    GenerationEvent,
    GenerationId,
    GenerationPage,
    generation,
)
from adapters.http.streams import MAX_EVENT, event_stream, told_as
from application.browse_library import BrowseLibrary
from application.cancel_generation import CancelGeneration
from application.delete_generation import DeleteGeneration
from application.queries import Queries
from application.retry_generation import RetryGeneration
from application.submission import Submission
from application.submit_generation import SubmitGeneration
from domain.access import Scope
from domain.job import LOCAL_CLIENT
from domain.job_event import JobStatus

MAX_PAGE: Final = 200

_LOCATION: Final = ResponseHeader(
    name="Location", description="The generation.", documentation_only=True
)
_REPLAYED: Final = "Idempotency-Replayed"


@post(
    status_code=202,
    scope=Scope.GENERATE,
    is_submission=True,
    responses=refusals(403, 413, 415, 503, 507),
    response_headers=[
        _LOCATION,
        ResponseHeader(
            name=_REPLAYED,
            description="`true` where the key was used before: this is the generation it made then.",
            documentation_only=True,
        ),
    ],
)
async def submit_generation(
    data: JSONBody[NewGeneration],
    request: Request[Any, Any, Any],
    submit: NamedDependency[SubmitGeneration],
    idempotency_key: KeyHeader = None,
    client: ClientHeader = LOCAL_CLIENT,
) -> Response[Generation]:
    """Ask for a video. Once this answers, the generation is never lost.

    The body is at most 256 KiB. Values a checkpoint cannot honour are refused, with the nearest it can.
    """
    accepted = await submit.execute(
        Submission(
            draft=data.draft(),
            client=client,
            priority=data.priority,
            preempts=data.preempt,
            idempotency_key=idempotency_key,
            made_from=data.made_from,
            webhook_url=data.webhook_url,
            traceparent=request.scope["state"]["traceparent"],
        )
    )
    shown = generation(accepted.job)
    headers = {"Location": shown.links.itself}
    if accepted.is_replayed:
        headers[_REPLAYED] = "true"
    return Response(shown, headers=headers)


@get(scope=Scope.READ, responses=refusals(404, 503))
async def list_generations(
    browse: NamedDependency[BrowseLibrary],
    status: Annotated[Sequence[JobStatus], QueryParameter(description="Only these.")] = (),
    q: Words = "",
    checkpoint: Checkpoints = (),
    lora: Loras = (),
    size: Sizes = (),
    since: Since = None,
    until: Until = None,
    before: Annotated[
        str, QueryParameter(description="Only older ones than the one with this id.")
    ] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="How many, at most.")] = 50,
) -> GenerationPage:
    """Generations that were not deleted, newest first: all filters hold at once."""
    filters = filters_of(q=q, checkpoint=checkpoint, lora=lora, size=size, since=since, until=until)
    jobs = await browse.generations(filters, statuses=status, after=before or None, limit=limit + 1)
    page = [generation(job) for job in jobs[:limit]]
    return GenerationPage(data=page, next_cursor=page[-1].id if len(jobs) > limit else None)


@get("/{generation_id:str}", scope=Scope.READ, responses=refusals(404, 503))
async def get_generation(
    queries: NamedDependency[Queries], generation_id: GenerationId
) -> Generation:
    """One generation: its state, its progress, and all that was asked."""
    return generation(await queries.job(generation_id))


@post(
    "/{generation_id:str}/cancel",
    status_code=200,
    scope=Scope.GENERATE,
    responses=refusals(403, 404, 409, 503, 507),
)
async def cancel_generation(
    cancel: NamedDependency[CancelGeneration], generation_id: GenerationId
) -> Generation:
    """Stop a generation: at once where it waits, within a step where it runs."""
    return generation(await cancel.execute(generation_id))


@post(
    "/{generation_id:str}/retry",
    status_code=202,
    scope=Scope.GENERATE,
    is_submission=True,
    responses=refusals(403, 404, 409, 503, 507),
    response_headers=[_LOCATION],
)
async def retry_generation(
    request: Request[Any, Any, Any],
    retry: NamedDependency[RetryGeneration],
    generation_id: GenerationId,
) -> Response[Generation]:
    """Ask again for what failed or was cancelled: a new generation that points to the old."""
    traceparent = request.scope["state"]["traceparent"]
    shown = generation(await retry.execute(generation_id, traceparent=traceparent))
    return Response(shown, headers={"Location": shown.links.itself})


@delete(
    "/{generation_id:str}",
    status_code=204,
    scope=Scope.GENERATE,
    responses=refusals(403, 404, 409, 503, 507),
)
async def delete_generation(
    deleting: NamedDependency[DeleteGeneration], generation_id: GenerationId
) -> None:
    """Delete a generation that is over, and its video, which can be restored for `outputs.trash_days`.

    It is listed no more. One that waits or runs is 409: cancel it first.
    """
    await deleting.generation(generation_id)


@post(
    "/{generation_id:str}/restore",
    status_code=200,
    scope=Scope.GENERATE,
    responses=refusals(403, 404, 503, 507),
)
async def restore_generation(
    deleting: NamedDependency[DeleteGeneration], generation_id: GenerationId
) -> Generation:
    """Undo the deletion of a generation. Its video comes back, too, where it is not gone for good."""
    return generation((await deleting.restore_generation(generation_id)).job)


@get(
    "/{generation_id:str}/events",
    media_type=streams.MEDIA_TYPE,
    scope=Scope.READ,
    responses={
        HTTPStatus.OK: told_as(GenerationEvent),
        HTTPStatus.NO_CONTENT: ResponseSpec(
            None, generate_examples=False, description="Nothing is left to tell."
        ),
        **refusals(404, 503),
    },
)
async def follow_generation(
    queries: NamedDependency[Queries],
    stopping: NamedDependency[asyncio.Event],
    generation_id: GenerationId,
    after: Annotated[
        int, QueryParameter(ge=0, le=MAX_EVENT, description="Only what came after that event.")
    ] = 0,
    last_event_id: Annotated[
        int | None,
        HeaderParameter(
            name="Last-Event-ID", ge=0, le=MAX_EVENT, description="The same; a browser's own."
        ),
    ] = None,
) -> Response[Any]:
    """Every event of a generation as it happens, until its last; from the first, or after a given one.

    A browser that reconnects to the same URL sends `Last-Event-ID`, so that wins over `after`. Where
    nothing is left to tell, the answer is 204, and the browser stays away.
    """
    last = after if last_event_id is None else last_event_id
    # What is refused must be refused before the stream begins.
    if not await queries.has_more(generation_id, after=last):
        return Response(None, status_code=HTTPStatus.NO_CONTENT)
    return event_stream(told(queries, queries.follow(generation_id, after=last)), stopping)


def generations_router() -> Router:
    """The routes under `/api/v1/generations`."""
    return Router(
        GENERATIONS,
        route_handlers=[
            submit_generation,
            list_generations,
            get_generation,
            cancel_generation,
            retry_generation,
            delete_generation,
            restore_generation,
            follow_generation,
            get_preview,
        ],
        tags=["Generations"],
    )
