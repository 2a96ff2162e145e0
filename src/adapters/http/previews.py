"""How a running generation is going to look."""

import hashlib
from http import HTTPStatus
from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec

from adapters.http.byte_ranges import matches
from adapters.http.openapi import headed_operation
from adapters.http.problems import refusals
from adapters.http.representations import GenerationId
from application.queries import Queries
from domain.access import Scope

MEDIA_TYPE: Final = "image/webp"


@get(
    "/{generation_id:str}/preview",
    media_type=MEDIA_TYPE,
    scope=Scope.READ,
    operation_class=headed_operation(If_None_Match="`ETag`s that the client has."),
    responses={
        HTTPStatus.OK: ResponseSpec(
            bytes,
            generate_examples=False,
            description="The newest preview, an animated WebP of at most 30 KB.",
            media_type=MEDIA_TYPE,
        ),
        HTTPStatus.NOT_MODIFIED: ResponseSpec(
            None, generate_examples=False, description="As the client has it."
        ),
        **refusals(404, 503),
    },
)
async def get_preview(
    request: Request[Any, Any, Any], queries: NamedDependency[Queries], generation_id: GenerationId
) -> Response[bytes]:
    """The newest preview of a running generation; 404 before its first, and once it runs no more.

    `preview_step` in the events says when there is another. Takes `If-None-Match`.
    """
    preview = await queries.preview(generation_id)
    etag = f'"{hashlib.sha256(preview.image).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if matches(",".join(request.headers.getall("if-none-match", [])), etag):
        return Response(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(preview.image, headers=headers, media_type=MEDIA_TYPE)
