"""Query parameters nobody reads are refused: `?stauts=failed` must not list everything."""

import difflib
from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter


def refuse_unknown_parameters(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """A Litestar guard.

    Raises:
        ValidationException: names each parameter the route does not have, and the nearest it has.
    """
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
