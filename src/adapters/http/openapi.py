"""What routes say of themselves that Litestar cannot read off them."""

from collections.abc import Sequence
from dataclasses import dataclass

from litestar.openapi.spec import (
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
)


def file_operation(media_types: Sequence[str]) -> type[Operation]:
    """An operation whose body is a file of one of these types."""
    file = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY))
    body = RequestBody(
        content=dict.fromkeys(media_types, file),
        description="The file itself; what it is, is judged by its content.",
        required=True,
    )

    @dataclass
    class FileOperation(Operation):
        def __post_init__(self) -> None:
            self.request_body = body

    return FileOperation


def headed_operation(*media_types: str, **headers: str) -> type[Operation]:
    """An operation that reads these headers, each with its description, `_` for `-`.

    Args:
        media_types: what else a whole answer may be.
    """
    binary = OpenAPIMediaType(schema=Schema())
    told = [
        Parameter(
            name=name.replace("_", "-"),
            param_in="header",
            schema=Schema(type=OpenAPIType.STRING),
            description=description,
            required=False,
        )
        for name, description in headers.items()
    ]

    @dataclass
    class HeadedOperation(Operation):
        def __post_init__(self) -> None:
            self.parameters = [*(self.parameters or ()), *told]
            if media_types:
                whole = (self.responses or {})["200"]
                assert isinstance(whole, OpenAPIResponse)
                whole.content = {**(whole.content or {}), **dict.fromkeys(media_types, binary)}

    return HeadedOperation
