"""The uploads' route: pictures that generations begin or end with."""

import asyncio
from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from adapters.http.problems import refusals
from application.upload_image import UploadImage
from domain.image import MAX_IMAGE_BYTES

_MEDIA_TYPES = ("image/png", "image/jpeg", "image/webp", "application/octet-stream")


class Upload(Struct, frozen=True, kw_only=True):
    """A kept picture; `id` is what a generation's `image` or `last_image` names."""

    id: str
    width: int
    height: int


@post(
    "/api/v1/uploads",
    status_code=201,
    request_class=Request,
    request_max_body_size=MAX_IMAGE_BYTES,
    tags=["Uploads"],
    responses={201: ResponseSpec(Upload, generate_examples=False), **refusals(403, 413, 415, 507)},
)
async def upload_image(
    request: Request[Any, Any, Any], upload: NamedDependency[UploadImage]
) -> Upload:
    """Keep a picture: the body is a PNG, JPEG or WebP file of at most 32 MiB, judged by its content.

    The same picture has the same id, however often it is sent. Metadata is dropped.
    """
    if request.content_type[0] not in _MEDIA_TYPES:
        raise HTTPException(
            status_code=415, detail=f"Send the file itself, as one of {', '.join(_MEDIA_TYPES)}."
        )
    image = await asyncio.to_thread(upload.execute, await request.body())
    return Upload(id=image.id, width=image.width, height=image.height)
