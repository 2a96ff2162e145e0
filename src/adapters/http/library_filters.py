"""The query parameters by which generations and videos are looked for."""

from datetime import UTC, datetime
from typing import Annotated, Final, TypeAlias

from litestar.params import QueryParameter

from domain.library import MAX_RATING

MAX_TEXT_CHARACTERS: Final = 200

Words: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        max_length=MAX_TEXT_CHARACTERS,
        description="Words of the prompt, or their beginnings: all must be there, in any order.",
    ),
]
Checkpoints: TypeAlias = Annotated[
    list[str] | None, QueryParameter(description="Only of these checkpoints.")
]
Loras: TypeAlias = Annotated[
    list[str] | None, QueryParameter(description="Only with one of these LoRAs.")
]
Sizes: TypeAlias = Annotated[
    list[str] | None, QueryParameter(description="Only of these sizes, such as `832x480`.")
]
Since: TypeAlias = Annotated[
    datetime | None,
    QueryParameter(description="Asked for at that time or later; UTC where it names no zone."),
]
Until: TypeAlias = Annotated[
    datetime | None,
    QueryParameter(description="Asked for before that time; UTC where it names no zone."),
]
MinRating: TypeAlias = Annotated[
    int, QueryParameter(ge=0, le=MAX_RATING, description="Only with at least so many stars.")
]
Favourite: TypeAlias = Annotated[
    bool | None, QueryParameter(description="Only favourites; `false`: only the others.")
]


def in_utc(at: datetime | None) -> datetime | None:
    """`at`, in UTC where it names no zone."""
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
