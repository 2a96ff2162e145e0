"""The description of this API that programs read, at `/schema/openapi.json`."""

import asyncio
from typing import Any, Final

import msgspec
from litestar import Litestar, Request, Response, Router
from litestar.enums import HttpMethod
from litestar.enums import OpenAPIMediaType as MediaTypes
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import Method

from adapters.http.access import PUBLIC
from adapters.http.openapi_examples import ExampledOpenAPIConfig

_PATH: Final = "/schema/openapi.json"
_KEY: Final = "api_key"
_SCHEME: Final = SecurityScheme(
    type="http",
    scheme="bearer",
    bearer_format="wan_…",
    description="An API key, as `wan keys create` shows it. Not asked for where there are no keys.",
)


def openapi_config(version: str) -> OpenAPIConfig:
    """Only the document: Litestar's pages load their scripts from elsewhere, ours is the page's `/schema`."""
    return ExampledOpenAPIConfig(
        title="Wan Studio",
        version=version,
        summary="Makes Wan2.2 videos from prompts, and loses nothing.",
        use_handler_docstrings=True,
        create_examples=False,
        security=[{_KEY: []}, {}],
        components=Components(security_schemes={_KEY: _SCHEME}),
        operation_id_creator=_operation_id,
        render_plugins=[JsonRenderPlugin(path="/")],
        openapi_router=Router(
            _PATH,
            route_handlers=[],
            include_in_schema=False,
            before_request=_Document(),
            opt={"scope": PUBLIC},
        ),
    )


def summarise_operations(app: Litestar) -> None:
    """Give each the first sentence of its docstring for a summary: Litestar would take its name."""
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            function = getattr(
                handler.fn, "func", handler.fn
            )  # one that runs in a thread is wrapped
            about = " ".join((function.__doc__ or "").split())
            sentence, _, _ = about.partition(". ")
            handler.summary = handler.summary or f"{sentence.rstrip('.')}."


def _operation_id(handler: HTTPRouteHandler, method: Method | HttpMethod, _path: object) -> str:
    return "head_video" if method == HttpMethod.HEAD else handler.handler_name


class _Document:
    """Answers with the document. It is written once, in a thread: that takes a quarter of a second."""

    def __init__(self) -> None:
        self._written: bytes | None = None
        self._writing = asyncio.Lock()

    async def __call__(self, request: Request[Any, Any, Any]) -> Response[bytes] | None:
        # Litestar answers other paths below with an HTML page of its own.
        if request.url.path != _PATH:
            raise NotFoundException
        if request.method != HttpMethod.GET:
            return None
        async with self._writing:
            if self._written is None:
                self._written = await asyncio.to_thread(_write, request.app)
        return Response(self._written, media_type=MediaTypes.OPENAPI_JSON)


def _write(app: Litestar) -> bytes:
    return msgspec.json.encode(app.openapi_schema.to_schema())
