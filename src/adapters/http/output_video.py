"""The video itself, whole or by ranges."""

import asyncio
import os
from collections.abc import Iterator
from http import HTTPStatus
from io import BufferedReader
from pathlib import Path
from typing import Any, Final

from litestar import HttpMethod, Request, Response, route
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Stream

from adapters.http.byte_ranges import ByteRange, matches, parse_range
from adapters.http.openapi import headed_operation
from adapters.http.problems import refusals
from adapters.http.representations import GenerationId
from application.browse_library import BrowseLibrary
from application.take_excerpts import video_of
from domain.access import Scope
from domain.errors import OutputMissing
from domain.library import LibraryEntry

MEDIA_TYPE: Final = "video/mp4"
CHUNK_BYTES: Final = 256 * 1024


@route(
    "/{output_id:str}/video",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    media_type=MEDIA_TYPE,
    scope=Scope.READ,
    operation_class=headed_operation(
        Range="One range of bytes, such as `bytes=0-1023`.",
        If_Range="The `ETag` that the range is of; of another file, all is sent.",
        If_None_Match="`ETag`s that the client has: 304 where the video's is among them.",
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
        **refusals(404, 416, 503),
    },
)
async def get_video(
    request: Request[Any, Any, Any], browse: NamedDependency[BrowseLibrary], output_id: GenerationId
) -> Response[Any]:
    """The video's file, whole or one range of it."""
    return await video_response(request, *await browse.video(output_id))


async def video_response(
    request: Request[Any, Any, Any], entry: LibraryEntry, path: Path
) -> Response[Any]:
    """The entry's file as the request asks for it.

    Raises:
        OutputMissing: it is not what was made.
        HTTPException: 416 for a range that cannot be had.
    """
    video = video_of(entry)
    etag = f'"{video.sha256}"'
    # It may be kept, but asked for again each time: whoever may see it today may not tomorrow.
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if matches(_joined(request, "if-none-match"), etag):
        return Response(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    size = video.size_bytes
    partial = _requested_range(request, etag, size)
    part = partial or ByteRange(start=0, length=size, size=size)
    headers |= {
        "Content-Type": MEDIA_TYPE,
        "Content-Length": str(part.length),
        "Content-Disposition": f'inline; filename="{entry.job.id}.mp4"',
        # Opened on its own, a video is a page that the browser makes around it.
        "Content-Security-Policy": "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'",
    }
    if partial:
        headers["Content-Range"] = partial.content_range
    status = HTTPStatus.PARTIAL_CONTENT if partial else HTTPStatus.OK
    if request.method == HttpMethod.HEAD:
        return Response(b"", status_code=status, headers=headers, media_type=MEDIA_TYPE)
    file = await asyncio.to_thread(_open, path, part)
    return Stream(
        _chunks(file, part.length),
        status_code=status,
        headers=headers,
        media_type=MEDIA_TYPE,
        background=BackgroundTask(file.close),  # a client that hangs up leaves the chunks unread
    )


def _requested_range(request: Request[Any, Any, Any], etag: str, size: int) -> ByteRange | None:
    """None where everything is asked for; a range means something to GET only (RFC 9110 §14.2)."""
    header = _joined(request, "range")
    if not header or request.method != HttpMethod.GET:
        return None
    # We send no Last-Modified, so a date in If-Range never matches either.
    if request.headers.get("if-range", etag) != etag:
        return None
    return parse_range(header, size)


def _joined(request: Request[Any, Any, Any], name: str) -> str:
    return ",".join(request.headers.getall(name, []))


def _open(path: Path, part: ByteRange) -> BufferedReader:
    """The file, at the first byte of `part`.

    Raises:
        OutputMissing: there is no regular file of the right size there, known before anything is sent.
    """
    try:
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")
    except OSError as error:
        raise OutputMissing from error
    if os.fstat(file.fileno()).st_size != part.size:
        file.close()
        raise OutputMissing("The video's file is not the one that was made: it has another size.")
    file.seek(part.start)
    return file


def _chunks(file: BufferedReader, remaining: int) -> Iterator[bytes]:
    # Litestar takes each from a thread.
    with file:
        while remaining > 0 and (chunk := file.read(min(CHUNK_BYTES, remaining))):
            remaining -= len(chunk)
            yield chunk
