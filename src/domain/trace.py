"""Where a request belongs in somebody's trace: W3C Trace Context, the `traceparent` header."""

import re
from typing import Final

#: version, trace, span, flags. A later version may have more at its end, and this much of it counts.
_TRACEPARENT: Final = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
    r"(?P<more>-.*)?"
)


def read_traceparent(header: str) -> str | None:
    """The header where it is one, without what a later version adds; None where it is not.

    A wrong one counts as none, as the standard demands: a trace must not break what is traced.
    Source: https://www.w3.org/TR/trace-context/#traceparent-header
    """
    read = _TRACEPARENT.fullmatch(header.strip())
    if read is None or (read["version"] == "00" and read["more"]):
        return None
    return header.strip()[: read.end("trace") + len("-0123456789abcdef-01")]


def trace_id(traceparent: str | None) -> str | None:
    """The trace that it belongs to: 32 hexadecimal digits."""
    return traceparent.split("-")[1] if traceparent else None
