"""Byte ranges and entity tags, as RFC 9110 has them. Knows nothing of files."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from litestar.exceptions import HTTPException

#: 18 digits: more bytes than any file has, fewer than what a reader may refuse to count.
_RANGE: Final = re.compile(r"(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteRange:
    """`length` consecutive bytes of a representation of `size` bytes, from `start` on."""

    start: int
    length: int
    size: int

    @property
    def content_range(self) -> str:
        return f"bytes {self.start}-{self.start + self.length - 1}/{self.size}"


def parse_range(header: str, size: int) -> ByteRange | None:
    """The one range that `header` asks for; None where its unit is not bytes, which means everything.

    Raises:
        HTTPException: 416 where it is malformed, outside of the representation, or more than one.
    """
    unit, _, ranges = header.partition("=")
    if unit.strip().lower() != "bytes":
        return None
    match = _RANGE.fullmatch(ranges.strip())
    first, last = (match["first"], match["last"]) if match else ("", "")
    if first:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
    elif last:
        start, end = max(size - int(last), 0), size - 1
    else:
        raise _not_satisfiable(size)
    if start > end or (last and first and int(first) > int(last)):
        raise _not_satisfiable(size)
    return ByteRange(start=start, length=end - start + 1, size=size)


def matches(header: str, etag: str) -> bool:
    """Whether an `If-None-Match` header names `etag`. Compares weakly, as it must."""
    return any(
        candidate.strip().removeprefix("W/") in {etag, "*"} for candidate in header.split(",")
    )


def _not_satisfiable(size: int) -> HTTPException:
    return HTTPException(
        status_code=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        detail=f"Ask for one range within the {size} bytes there are.",
        headers={"Content-Range": f"bytes */{size}"},
    )
