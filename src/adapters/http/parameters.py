"""Parameters that several routes have, and those that none has.

A query parameter nobody reads is refused: `?stauts=failed` must not list everything. A route whose
query is for somebody else says so: `has_foreign_query`.
"""

import difflib
from typing import Annotated, Any, Final, TypeAlias

from litestar.connection import ASGIConnection
from litestar.exceptions import ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.params import HeaderParameter, QueryParameter

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


def refuse_unknown_parameters(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """A Litestar guard.

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
    unknown = sorted(set(connection.query_params) - set(known))
    if unknown:
        raise ValidationException(
            detail=f"There is no such parameter: {', '.join(unknown)}.",
            extra=[
                {
                    "key": name,
                    "message": "is not a parameter",
                    "nearest": difflib.get_close_matches(name, known, n=1),
                }
                for name in unknown
            ],
        )
