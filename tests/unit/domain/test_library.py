"""What an owner may make of a finished video, and in which order."""

import pytest

from domain.errors import OutputMissing
from domain.job_event import JobStatus
from domain.library import LibraryEntry, OutputState
from domain.library_errors import NotDeletable, NotRestorable
from tests.fakes.examples import A_SECOND, NOON, a_job_that_is

LATER = NOON + A_SECOND


def an_entry(state: OutputState = OutputState.KEPT) -> LibraryEntry:
    status = JobStatus.FAILED if state is OutputState.NONE else JobStatus.COMPLETED
    since = None if state is OutputState.NONE else NOON
    return LibraryEntry(job=a_job_that_is(status), state=state, since=since)


def test_a_video_goes_through_intent_to_its_end() -> None:
    entry = an_entry()

    entry.delete_video(at=LATER)
    assert (entry.state, entry.deleted_at) == (OutputState.DELETED, LATER)
    entry.begin_removal(at=LATER)
    entry.begin_removal(at=LATER)
    assert (entry.state, entry.deleted_at) == (OutputState.REMOVING, None)
    entry.end_removal(at=LATER)
    entry.end_removal(at=LATER)
    assert entry.state is OutputState.REMOVED


@pytest.mark.parametrize("state", [OutputState.NONE, OutputState.KEPT, OutputState.REMOVED])
def test_only_what_was_deleted_is_removed(state: OutputState) -> None:
    with pytest.raises(NotDeletable):
        an_entry(state).begin_removal(at=LATER)


@pytest.mark.parametrize("state", [OutputState.NONE, OutputState.KEPT, OutputState.DELETED])
def test_a_removal_that_nobody_began_has_no_end(state: OutputState) -> None:
    with pytest.raises(NotDeletable):
        an_entry(state).end_removal(at=LATER)


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (OutputState.NONE, OutputMissing),
        (OutputState.REMOVING, NotRestorable),
        (OutputState.REMOVED, NotRestorable),
    ],
)
def test_what_is_gone_cannot_be_restored(state: OutputState, error: type[Exception]) -> None:
    with pytest.raises(error):
        an_entry(state).restore_video(at=NOON)


@pytest.mark.parametrize("state", [OutputState.NONE, OutputState.REMOVING, OutputState.REMOVED])
def test_what_has_no_file_is_neither_judged_nor_deleted(state: OutputState) -> None:
    with pytest.raises(OutputMissing):
        an_entry(state).judge(rating=3)
    with pytest.raises(OutputMissing):
        an_entry(state).delete_video(at=LATER)


def test_deleting_again_does_not_begin_its_days_anew() -> None:
    entry = an_entry()
    entry.delete_video(at=NOON)

    entry.delete_generation(at=LATER)

    assert entry.deleted_at == NOON


def test_a_generation_whose_video_is_gone_can_still_be_deleted_and_listed_again() -> None:
    entry = an_entry(OutputState.REMOVED)

    entry.delete_generation(at=LATER)
    assert entry.is_hidden
    entry.restore_generation(at=NOON)

    assert (entry.is_hidden, entry.state) == (False, OutputState.REMOVED)
