"""The page that people use, as `make page` built it: one document for all its screens, and its assets."""

import asyncio
import hashlib
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from litestar import Request, Response, Router, get
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, SkipValidation

from adapters.http.access import PUBLIC
from adapters.http.byte_ranges import matches

#: Where it is built, and installed with the package: no source, and not kept in the tree.
BUILT_PAGE: Final = Path(__file__).with_name("built_page")

#: Addresses of the page's own screens: each may be opened, reloaded and shared.
SCREENS: Final = ("/", "/queue", "/outputs", "/outputs/{shown:str}", "/system", "/schema")

#: Scripts and styles of our own files alone; pictures and videos also from what the page has in memory.
_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "img-src 'self' blob:",
        "media-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
#: Litestar says of the text ones that they are UTF-8.
_MEDIA_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


# What follows the `?` is for the page's own scripts, such as what is looked for among the outputs.
@get(list(SCREENS), scope=PUBLIC, has_foreign_query=True)
async def get_screen(
    request: Request[Any, Any, Any], folder: SkipValidation[Path]
) -> Response[bytes]:
    """The document, asked for anew each time: it names the assets of its own build."""
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": _POLICY}
    return await _answer(request, folder / "index.html", headers)


@get("/assets/{name:str}", scope=PUBLIC)
async def get_asset(
    request: Request[Any, Any, Any], folder: SkipValidation[Path], name: FromPath[str]
) -> Response[bytes]:
    """A script, style, font or picture; its name changes with its content, so it is kept for ever."""
    if not _PLAIN_NAME.fullmatch(name):
        raise NotFoundException
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return await _answer(request, folder / "assets" / name, headers)


async def _answer(
    request: Request[Any, Any, Any], path: Path, headers: dict[str, str]
) -> Response[bytes]:
    media_type = _MEDIA_TYPES.get(path.suffix)
    if media_type is None:
        raise NotFoundException
    takes_gzip = "gzip" in request.headers.get("accept-encoding", "")
    body, encoding = await asyncio.to_thread(_read, path, takes_gzip)
    etag = f'"{hashlib.sha256(body).hexdigest()}"'
    headers |= {"ETag": etag, "Vary": "Accept-Encoding"}
    if matches(request.headers.get("if-none-match", ""), etag):
        return Response(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if encoding:
        headers["Content-Encoding"] = encoding
    return Response(body, headers=headers, media_type=media_type)


def _read(path: Path, takes_gzip: bool) -> tuple[bytes, str | None]:
    """The file, compressed where the build has it so. Raises `NotFoundException`."""
    compressed = path.with_name(f"{path.name}.gz")
    try:
        if takes_gzip and compressed.exists():
            return compressed.read_bytes(), "gzip"
        return path.read_bytes(), None
    except FileNotFoundError as error:
        told = (
            "The page is not built: run make page, then reload; or install a package that has it."
        )
        raise NotFoundException(told if path.name == "index.html" else "Not Found") from error


def page_router(folder: Path) -> Router:
    """The page's routes; `folder`: what its build made."""
    return Router(
        "/",
        route_handlers=[get_screen, get_asset],
        dependencies={"folder": Provide(lambda: folder, sync_to_thread=False)},
        include_in_schema=False,
    )
