"""What errors say, and how they travel."""

from collections.abc import Iterator

import pytest

import domain.errors
from domain.errors import (
    DiskFull,
    DomainError,
    InvalidRequest,
    RenderFailed,
    Violation,
    error_for,
)


def kinds(kind: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    for child in kind.__subclasses__():
        yield child
        yield from kinds(child)


PLAIN_KINDS = [kind for kind in kinds() if kind is not InvalidRequest]


def test_an_error_says_its_docstring_where_nothing_better_is_known() -> None:
    assert DiskFull().message == (
        "The disk of the data directory is full: free some space and try again."
    )
    assert DiskFull("The disk is full.").message == "The disk is full."


@pytest.mark.parametrize("kind", PLAIN_KINDS, ids=lambda kind: kind.__name__)
def test_an_error_that_travelled_as_code_and_message_is_the_same_error(
    kind: type[DomainError],
) -> None:
    # A parent such as StorageError arrived as an internal error: only leaves were looked at.
    arrived = error_for(kind.code, "It broke.")

    assert type(arrived) is kind
    assert arrived.message == "It broke."


def test_a_code_from_another_version_keeps_its_message() -> None:
    arrived = error_for("meteor-strike", "A meteor struck.")

    assert isinstance(arrived, RenderFailed)
    assert arrived.message == "A meteor struck."


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in kinds()]

    assert len(codes) == len(set(codes)) > 20


def test_the_tree_at_the_top_of_the_file_names_every_error() -> None:
    drawn = domain.errors.__doc__ or ""
    own = [kind.__name__ for kind in kinds() if kind.__module__ == "domain.errors"]

    assert [name for name in own if name not in drawn] == []


def test_a_refused_request_reads_as_a_sentence_for_each_violation() -> None:
    refusal = InvalidRequest(
        [
            Violation(pointer="/num_frames", reason="18 is not 4n + 1", nearest=(17, 21)),
            Violation(pointer="/prompt", reason="must say what to show"),
        ]
    )

    assert refusal.message == (
        "num_frames: 18 is not 4n + 1 (nearest: 17 or 21); prompt: must say what to show"
    )
