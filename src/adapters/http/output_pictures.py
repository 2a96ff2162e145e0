"""Pictures of a video: one frame, or many small ones in a grid."""

from enum import StrEnum
from http import HTTPStatus
from typing import Any

from litestar import Request, Response, get
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec

from adapters.http.byte_ranges import matches
from adapters.http.openapi import headed_operation
from adapters.http.problems import refusals
from adapters.http.representations import GenerationId
from application.browse_library import BrowseLibrary
from application.take_excerpts import TakeExcerpts, layout_of, video_of
from domain.access import Scope
from domain.excerpts import MEDIA_TYPE, SheetLayout
from domain.library import LibraryEntry

#: Grows when the pictures of the same video become others.
_EDITION = 1

_CONDITIONAL = headed_operation(
    If_None_Match="`ETag`s that the client has: 304 where the picture's is among them."
)
_RESPONSES = {
    HTTPStatus.OK: ResponseSpec(
        bytes, generate_examples=False, description="The picture.", media_type=MEDIA_TYPE
    ),
    HTTPStatus.NOT_MODIFIED: ResponseSpec(
        None, generate_examples=False, description="As the client has it."
    ),
    **refusals(404, 503),
}


class PictureKind(StrEnum):
    """What is shown of a video."""

    THUMBNAIL = "thumbnail"
    SPRITESHEET = "spritesheet"


@get(
    "/{output_id:str}/thumbnail",
    media_type=MEDIA_TYPE,
    scope=Scope.READ,
    operation_class=_CONDITIONAL,
    responses=_RESPONSES,
)
async def get_thumbnail(
    request: Request[Any, Any, Any],
    browse: NamedDependency[BrowseLibrary],
    excerpts: NamedDependency[TakeExcerpts],
    output_id: GenerationId,
) -> Response[Any]:
    """The frame in the middle of the video, its longer side 512 pixels at most, as WebP."""
    entry = await browse.output(output_id)
    return await picture_response(request, entry, excerpts, PictureKind.THUMBNAIL)


@get(
    "/{output_id:str}/spritesheet",
    media_type=MEDIA_TYPE,
    scope=Scope.READ,
    operation_class=_CONDITIONAL,
    responses=_RESPONSES,
    response_headers=[
        ResponseHeader(name=f"Wan-Sheet-{name}", description=told, documentation_only=True)
        for name, told in (
            ("Columns", "Frames side by side."),
            ("Rows", "Rows of frames; the last may not be full."),
            ("Frames", "How many frames there are, from the first of the video to its last."),
            ("Cell", "Pixels of each, such as `192x108`."),
        )
    ],
)
async def get_spritesheet(
    request: Request[Any, Any, Any],
    browse: NamedDependency[BrowseLibrary],
    excerpts: NamedDependency[TakeExcerpts],
    output_id: GenerationId,
) -> Response[Any]:
    """At most 25 frames, evenly over the video, row by row in one WebP: to scrub through without playing.

    Headers tell how they lie; so does `spritesheet` of the output, with each frame's number.
    """
    entry = await browse.output(output_id)
    return await picture_response(request, entry, excerpts, PictureKind.SPRITESHEET)


def _geometry(layout: SheetLayout) -> dict[str, str]:
    return {
        "Wan-Sheet-Columns": str(layout.columns),
        "Wan-Sheet-Rows": str(layout.rows),
        "Wan-Sheet-Frames": str(len(layout.frames)),
        "Wan-Sheet-Cell": f"{layout.cell_width}x{layout.cell_height}",
    }


async def picture_response(
    request: Request[Any, Any, Any], entry: LibraryEntry, excerpts: TakeExcerpts, kind: PictureKind
) -> Response[Any]:
    """The picture, unless the client has it: then nothing is read. A sheet's headers tell how its frames lie."""
    video = video_of(entry)
    etag = f'"{video.sha256}.{kind}.{_EDITION}"'
    # As the video itself: it may be kept, but asked for again each time.
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if kind is PictureKind.SPRITESHEET:
        headers |= _geometry(layout_of(video))
    if matches(",".join(request.headers.getall("if-none-match", [])), etag):
        return Response(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    taken = await excerpts.execute(entry)
    content = taken.thumbnail if kind is PictureKind.THUMBNAIL else taken.spritesheet
    return Response(content, headers=headers, media_type=MEDIA_TYPE)
