"""The OpenAI Videos API: the same generations, as programs that were written for OpenAI ask for them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final

from litestar import Request, Response, Router, delete, get, post
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter

from adapters.http.openai.asking import Asking, read_asking
from adapters.http.openai.bodies import MAX_BODY_BYTES, VideoRequest, form_operation
from adapters.http.openai.errors import refusals
from adapters.http.openai.new_video import NewEdit, NewExtension, NewRemix, NewVideo, Wishes
from adapters.http.openai.representations import DeletedVideo, Video, VideoPage, page, video
from adapters.http.openapi import headed_operation
from adapters.http.output_pictures import PictureKind, picture_response
from adapters.http.output_video import MEDIA_TYPE, video_response
from adapters.http.representations import GenerationId
from application.browse_library import BrowseLibrary
from application.derive_generation import Derived, DeriveGeneration, SaidFor
from application.discard_generation import DiscardGeneration
from application.submission import Submission
from application.submit_generation import SubmitGeneration
from application.take_excerpts import TakeExcerpts
from application.upload_image import UploadImage
from application.upload_video import UploadVideo
from domain import library
from domain.access import Scope
from domain.clip import CLIP_PREFIX, is_video
from domain.errors import InvalidRequest, NotCompleted, Violation
from domain.excerpts import MEDIA_TYPE as PICTURE_TYPE
from domain.job import Job
from domain.job_event import JobStatus
from domain.library import Filters

MAX_PAGE: Final = 100

#: How long OpenAI's clients wait from one look to the next: they take the first value for the whole wait.
_POLL: Final[Mapping[str, str]] = {"openai-poll-after-ms": "500"}


class Variant(StrEnum):
    """What of a video to download."""

    VIDEO = "video"
    THUMBNAIL = "thumbnail"
    SPRITESHEET = "spritesheet"


class Order(StrEnum):
    """By when they were asked for."""

    ASC = "asc"
    DESC = "desc"


_ORDERS: Final[Mapping[Order, library.Order]] = {
    Order.ASC: library.Order.OLDEST,
    Order.DESC: library.Order.NEWEST,
}


@post(
    status_code=200,
    scope=Scope.GENERATE,
    is_submission=True,
    request_class=VideoRequest,
    request_max_body_size=MAX_BODY_BYTES,
    operation_class=form_operation("input_reference"),
    responses=refusals(403, 404, 413, 415, 422, 503, 507),
)
async def create_video(
    data: JSONBody[NewVideo],
    submit: NamedDependency[SubmitGeneration],
    asking: NamedDependency[Asking],
    upload: NamedDependency[UploadImage],
    upload_video: NamedDependency[UploadVideo],
    default_model: NamedDependency[str],
) -> Response[Video]:
    """Ask for a video, from words, a first picture, or a video to make anew.

    What the checkpoint cannot honour is refused, with the nearest that it can. Sent again, as OpenAI's clients do
    by themselves where an answer is lost, it makes no second one.
    """

    async def derive() -> Derived:
        draft = data.draft(default_model)
        if data.input_reference is None:
            return Derived(draft=draft)
        given = data.input_reference.given()
        if isinstance(given, bytes):
            given = await asyncio.to_thread(_kept, given, upload, upload_video)
        is_clip = given.startswith(CLIP_PREFIX)
        return Derived(
            draft=replace(draft, video=given) if is_clip else replace(draft, image=given)
        )

    return await _submitted(submit, asking, derive, data, "create")


def _kept(content: bytes, upload: UploadImage, upload_video: UploadVideo) -> str:
    if is_video(content):
        return upload_video.execute(content).id
    return upload.execute(content).id


@post(
    "/{video_id:str}/remix",
    status_code=200,
    scope=Scope.GENERATE,
    is_submission=True,
    request_class=VideoRequest,
    operation_class=form_operation(),
    responses=refusals(403, 404, 413, 415, 422, 503, 507),
)
async def remix_video(
    data: JSONBody[NewRemix],
    submit: NamedDependency[SubmitGeneration],
    asking: NamedDependency[Asking],
    derive: NamedDependency[DeriveGeneration],
    default_model: NamedDependency[str],
    video_id: GenerationId,
) -> Response[Video]:
    """Make the same in other words: seed, pictures and everything else that is not said stay as they were."""
    said = _said(data, default_model)
    deriving = partial(derive.remix, video_id, said)
    return await _submitted(submit, asking, deriving, data, "remix", video_id)


@post(
    "/edits",
    status_code=200,
    scope=Scope.GENERATE,
    is_submission=True,
    request_class=VideoRequest,
    request_max_body_size=MAX_BODY_BYTES,
    operation_class=form_operation("video"),
    responses=refusals(403, 404, 409, 413, 415, 422, 503, 507),
)
async def edit_video(
    data: JSONBody[NewEdit],
    submit: NamedDependency[SubmitGeneration],
    asking: NamedDependency[Asking],
    derive: NamedDependency[DeriveGeneration],
    default_model: NamedDependency[str],
) -> Response[Video]:
    """Make a video anew, as long as it is; `strength` says how much of it. Video to video, in Wan's words."""
    deriving = partial(derive.edit, data.video.given(), _said(data, default_model))
    return await _submitted(submit, asking, deriving, data, "edit")


@post(
    "/extensions",
    status_code=200,
    scope=Scope.GENERATE,
    is_submission=True,
    request_class=VideoRequest,
    request_max_body_size=MAX_BODY_BYTES,
    operation_class=form_operation("video"),
    responses=refusals(403, 404, 409, 413, 415, 422, 503, 507),
)
async def extend_video(
    data: JSONBody[NewExtension],
    submit: NamedDependency[SubmitGeneration],
    asking: NamedDependency[Asking],
    derive: NamedDependency[DeriveGeneration],
    default_model: NamedDependency[str],
) -> Response[Video]:
    """Go on from a video's last frame: a new video that begins with it, and not both in one.

    So `seconds` is the length of the new one alone.
    """
    deriving = partial(derive.extend, data.video.given(), _said(data, default_model))
    return await _submitted(submit, asking, deriving, data, "extend")


@get(scope=Scope.READ, responses=refusals(404, 503))
async def list_videos(
    browse: NamedDependency[BrowseLibrary],
    after: Annotated[
        str, QueryParameter(description="Only what follows the one with this id.")
    ] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="How many, at most.")] = 20,
    order: Annotated[Order, QueryParameter(description="Oldest or newest first.")] = Order.DESC,
) -> VideoPage:
    """Videos that were asked for, made or not."""
    jobs = await browse.generations(
        Filters(), order=_ORDERS[order], after=after or None, limit=limit + 1
    )
    return page(jobs, limit=limit)


@get("/{video_id:str}", scope=Scope.READ, responses=refusals(404, 503))
async def retrieve_video(
    browse: NamedDependency[BrowseLibrary], video_id: GenerationId
) -> Response[Video]:
    """One video, made or not; where it failed, `error` says why."""
    return Response(video((await browse.generation(video_id)).job), headers=_POLL)


@get(
    "/{video_id:str}/content",
    scope=Scope.READ,
    media_type=MEDIA_TYPE,
    operation_class=headed_operation(
        PICTURE_TYPE,
        Range="One range of bytes, such as `bytes=0-1023`.",
        If_None_Match="`ETag`s that the client has: 304 where that of what is asked for is among them.",
    ),
    responses={
        HTTPStatus.PARTIAL_CONTENT: ResponseSpec(
            bytes,
            generate_examples=False,
            description="The range asked for.",
            media_type=MEDIA_TYPE,
        ),
        HTTPStatus.NOT_MODIFIED: ResponseSpec(
            None, generate_examples=False, description="As the client has it."
        ),
        **refusals(404, 409, 416, 503),
    },
)
async def download_content(
    request: Request[Any, Any, Any],
    browse: NamedDependency[BrowseLibrary],
    excerpts: NamedDependency[TakeExcerpts],
    video_id: GenerationId,
    variant: Annotated[
        Variant, QueryParameter(description="The video itself, or pictures of it, as WebP.")
    ] = Variant.VIDEO,
) -> Response[Any]:
    """The video's file, whole or one range of it, or a picture; 409 as long as it is not made."""
    entry = await browse.generation(video_id)
    if entry.job.status is not JobStatus.COMPLETED:
        raise NotCompleted(_why_not(entry.job))
    entry, path = await browse.video(video_id)
    if variant is Variant.VIDEO:
        return await video_response(request, entry, path)
    return await picture_response(request, entry, excerpts, PictureKind(variant))


@delete(
    "/{video_id:str}",
    status_code=200,
    scope=Scope.GENERATE,
    responses=refusals(403, 404, 409, 503, 507),
)
async def delete_video(
    browse: NamedDependency[BrowseLibrary],
    discard: NamedDependency[DiscardGeneration],
    video_id: GenerationId,
) -> DeletedVideo:
    """Delete one; what is not over yet is cancelled first. Its file stays for as long as all that are deleted do."""
    await browse.generation(video_id)
    await discard.execute(video_id)
    return DeletedVideo(id=video_id)


@post(
    "/characters",
    status_code=200,
    scope=Scope.GENERATE,
    sync_to_thread=False,
    responses=refusals(403),
)
def create_character() -> None:
    """Always refused: there are no characters here."""
    raise InvalidRequest([Violation(pointer="/video", reason=_NO_CHARACTERS)])


_NO_CHARACTERS: Final = (
    "characters are not kept here; `animate-14B` moves one that a generation gives it: `references`, "
    "`control_video` and `face_video`"
)


async def _submitted(
    submit: SubmitGeneration,
    asking: Asking,
    derive: Callable[[], Awaitable[Derived]],
    wishes: Wishes,
    *of: str,
) -> Response[Video]:
    asked = await asyncio.to_thread(asking.about, wishes, *of)

    async def derived() -> Submission:
        return asking.for_(asked, await derive(), priority=wishes.priority)

    accepted = await submit.derive_and_execute(asked, derived)
    return Response(video(accepted.job), headers=_POLL)


def _said(wishes: Wishes, default_model: str) -> SaidFor:
    return lambda of_source: wishes.draft(of_source or default_model)


def _why_not(job: Job) -> str:
    if job.failure is not None:
        return f"There is no video: it failed ({job.failure.message})."
    return f"There is no video: it is {job.status}."


def videos_router() -> Router:
    """The routes under `/v1/videos`."""
    return Router(
        "/v1/videos",
        route_handlers=[
            create_video,
            list_videos,
            retrieve_video,
            download_content,
            remix_video,
            edit_video,
            extend_video,
            delete_video,
            create_character,
        ],
        dependencies={"asking": Provide(read_asking, sync_to_thread=False)},
        tags=["OpenAI videos"],
    )
