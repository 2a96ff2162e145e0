"""The query parameters by which generations and videos are looked for."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, TypeAlias

import msgspec
from litestar.openapi.spec import OpenAPIFormat
from litestar.params import QueryParameter

from domain.checkpoint import chosen_checkpoint
from domain.errors import InvalidRequest, Violation
from domain.library import MAX_RATING, Filters

MAX_TEXT_CHARACTERS: Final = 200
_SIZE: Final = re.compile(r"[0-9]{1,5}x[0-9]{1,5}")

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


def filters_of(
    *,
    q: str,
    checkpoint: Sequence[str],
    lora: Sequence[str],
    size: Sequence[str],
    since: str | None,
    until: str | None,
    min_rating: int = 0,
    favourite: bool | None = None,
) -> Filters:
    """What the query looks for. Instants are in UTC where they name no zone.

    Raises:
        InvalidRequest: no generation could ever have such a checkpoint, size or instant.
    """
    for checkpoint_id in checkpoint:
        chosen_checkpoint(checkpoint_id)
    for text in size:
        if not _SIZE.fullmatch(text):
            raise _no("size", f"{text!r} is no size, such as 832x480")
    return Filters(
        text=q or None,
        checkpoints=tuple(checkpoint),
        loras=tuple(lora),
        sizes=tuple(size),
        since=_instant("since", since),
        until=_instant("until", until),
        min_rating=min_rating,
        is_favourite=favourite,
    )


def _instant(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = msgspec.convert(text, datetime)
    except msgspec.ValidationError as error:
        raise _no(name, f"{text!r} is no date and time, such as 2026-01-31T12:00:00Z") from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _no(name: str, reason: str) -> InvalidRequest:
    return InvalidRequest([Violation(pointer=f"/{name}", reason=reason)])
