"""Parameters that several routes have, and those that none has.

A query parameter nobody reads is refused: `?stauts=failed` must not list everything. A route whose
query is for somebody else says so: `has_foreign_query`.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Final, TypeAlias

from litestar import Request
from litestar.exceptions import ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.params import HeaderParameter, QueryParameter
from litestar.types import ASGIApp, Receive, Scope, Send

from domain.close_names import closest
from domain.idempotency import KEY_LIFETIME_DAYS, MAX_KEY_CHARACTERS

MAX_CLIENT_CHARACTERS: Final = 64

KeyHeader: TypeAlias = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=MAX_KEY_CHARACTERS,
        description=f"Sent again within {KEY_LIFETIME_DAYS} days, it makes no second generation.",
    ),
]
ClientHeader: TypeAlias = Annotated[
    str,
    HeaderParameter(
        name="Wan-Client",
        min_length=1,
        max_length=MAX_CLIENT_CHARACTERS,
        description="Who asks, where no API key says it: clients of one priority take turns.",
    ),
]


class RefuseUnknownParameters:
    """ASGI middleware around each route. As a guard, Litestar would send it to a thread for each request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["query_string"]:
            check_parameters(Request[Any, Any, Any](scope).query_params, scope["route_handler"])
        await self._app(scope, receive, send)


def check_parameters(given: Iterable[str], handler: BaseRouteHandler) -> None:
    """Look whether the route has them all.

    Raises:
        ValidationException: names each parameter the route does not have, and the nearest it has.
    """
    if handler.opt.get("has_foreign_query", False):
        return
    known = [
        field.kwarg_definition.name or name
        for name, field in handler.parsed_fn_signature.parameters.items()
        if isinstance(field.kwarg_definition, QueryParameter)
    ]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValidationException(
            extra=[
                {
                    "key": name,
                    "message": "is not a parameter",
                    "nearest": closest(name, known),
                }
                for name in unknown
            ],
        )
