"""The query parameters by which generations and videos are looked for."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, TypeAlias

import msgspec
from litestar.openapi.spec import OpenAPIFormat
from litestar.params import QueryParameter

from domain.errors import InvalidRequest, Violation
from domain.library import MAX_RATING

MAX_TEXT_CHARACTERS: Final = 200

# None of those that are words is `| None`: Litestar would take the word `null` for nothing.
Words: TypeAlias = Annotated[
    str,
    QueryParameter(
        max_length=MAX_TEXT_CHARACTERS,
        description="Words of the prompt, or their beginnings: all must be there, in any order.",
    ),
]
Checkpoints: TypeAlias = Annotated[
    Sequence[str], QueryParameter(description="Only of these checkpoints.")
]
Loras: TypeAlias = Annotated[
    Sequence[str], QueryParameter(description="Only with one of these LoRAs.")
]
Sizes: TypeAlias = Annotated[
    Sequence[str], QueryParameter(description="Only of these sizes, such as `832x480`.")
]
#: Text as far as Litestar knows: it would take numbers for instants, too.
Since: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        min_length=1,
        schema_extra={"format": OpenAPIFormat.DATE_TIME},
        description="Asked for at that time or later; UTC where it names no zone.",
    ),
]
Until: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        min_length=1,
        schema_extra={"format": OpenAPIFormat.DATE_TIME},
        description="Asked for before that time; UTC where it names no zone.",
    ),
]
MinRating: TypeAlias = Annotated[
    int, QueryParameter(ge=0, le=MAX_RATING, description="Only with at least so many stars.")
]
Favourite: TypeAlias = Annotated[
    bool | None, QueryParameter(description="Only favourites; `false`: only the others.")
]


def period(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """The instants that both spell, in UTC where they name no zone. Raises `InvalidRequest`."""
    return _instant("since", since), _instant("until", until)


def _instant(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = msgspec.convert(text, datetime)
    except msgspec.ValidationError as error:
        reason = f"{text!r} is no date and time, such as 2026-01-31T12:00:00Z"
        raise InvalidRequest([Violation(pointer=f"/{name}", reason=reason)]) from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
