"""W3C Trace Context: what is one, and what is not. Cases: its own test suite."""

import pytest

from domain.trace import read_traceparent, trace_id

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = f"00-{TRACE}-{SPAN}-01"


def test_a_traceparent_names_its_trace() -> None:
    assert read_traceparent(f" {GIVEN} ") == GIVEN
    assert trace_id(GIVEN) == TRACE
    assert trace_id(None) is None


def test_of_a_later_version_the_known_part_is_kept() -> None:
    assert read_traceparent(f"cc-{TRACE}-{SPAN}-01-what.the.future") == f"cc-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    "header",
    [
        "",
        GIVEN.upper(),
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\nforged",
        f"{GIVEN},{GIVEN}",
    ],
)
def test_what_is_none_counts_as_none(header: str) -> None:
    assert read_traceparent(header) is None
