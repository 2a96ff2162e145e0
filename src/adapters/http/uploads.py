"""The uploads' route: pictures and videos that generations are made from."""

import asyncio
from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from adapters.http.openapi import file_operation
from adapters.http.problems import refusals
from application.upload_image import UploadImage
from application.upload_video import UploadVideo
from domain.access import Scope
from domain.clip import MAX_CLIP_BYTES, is_video
from domain.image import MAX_IMAGE_BYTES

_MEDIA_TYPES = (
    "image/png",
    "image/jpeg",
    "image/webp",
    "video/mp4",
    "video/quicktime",
    "video/webm",
    "video/x-matroska",
    "application/octet-stream",
)


class Upload(Struct, frozen=True, kw_only=True):
    """A kept picture or video; its `id` is what a generation's field names.

    Attributes:
        id: for `image` and `last_image` that of a picture, for `video` that of a video.
        num_frames: how many a video has, at its own rate; null for a picture.
        duration_s: how long it lasts; null for a picture.
    """

    id: str
    width: int
    height: int
    num_frames: int | None = None
    duration_s: float | None = None


@post(
    "/api/v1/uploads",
    status_code=201,
    scope=Scope.GENERATE,
    is_submission=True,
    request_class=Request,
    request_max_body_size=max(MAX_IMAGE_BYTES, MAX_CLIP_BYTES),
    tags=["Uploads"],
    operation_class=file_operation(_MEDIA_TYPES),
    responses={
        201: ResponseSpec(Upload, generate_examples=False, description="It is kept."),
        **refusals(403, 413, 415, 503, 507),
    },
)
async def upload_file(
    request: Request[Any, Any, Any],
    upload: NamedDependency[UploadImage],
    upload_video: NamedDependency[UploadVideo],
) -> Upload:
    """Keep a picture (PNG, JPEG, WebP) or a video (MP4, MOV, Matroska, WebM) of at most 32 MiB.

    The body is the file, judged by its content. The same file has the same id, however often it is sent.
    Metadata and sound are dropped.
    """
    if request.content_type[0] not in _MEDIA_TYPES:
        raise HTTPException(
            status_code=415, detail=f"Send the file itself, as one of {', '.join(_MEDIA_TYPES)}."
        )
    body = await request.body()
    if not is_video(body):
        image = await asyncio.to_thread(upload.execute, body)
        return Upload(id=image.id, width=image.width, height=image.height)
    clip = await asyncio.to_thread(upload_video.execute, body)
    return Upload(
        id=clip.id,
        width=clip.width,
        height=clip.height,
        num_frames=len(clip.times_us),
        duration_s=clip.duration_us / 1e6,
    )
