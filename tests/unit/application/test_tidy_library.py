"""Deleting, restoring, and removing for good: whatever dies in between."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from application.audit_jobs import AuditJobs
from application.delete_generation import DeleteGeneration
from application.tidy_library import TidyLibrary
from domain.errors import DiskFull, OutputMissing, StorageError, UnknownJob
from domain.excerpts import Excerpts
from domain.job_event import JobStatus
from domain.library import Filters, OutputState
from domain.library_errors import NotDeletable, NotRestorable
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.clock import FakeClock
from tests.fakes.examples import a_job_that_is
from tests.fakes.excerpt_store import FakeExcerptStore
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.renderer import Stages
from tests.unit.application.attempt import Attempt

DAY_S = 86400.0

Tidying = Callable[..., TidyLibrary]


@pytest.fixture
def excerpts() -> FakeExcerptStore:
    return FakeExcerptStore()


@pytest.fixture
def tidying(
    jobs: InMemoryJobs, store: FakeArtifactStore, excerpts: FakeExcerptStore, clock: FakeClock
) -> Tidying:
    def make(*, trash_days: int = 7, keep_days: int | None = None) -> TidyLibrary:
        return TidyLibrary(
            jobs.library, store, excerpts, clock, trash_days=trash_days, keep_days=keep_days
        )

    return make


@pytest.fixture
def deleting(jobs: InMemoryJobs, tidying: Tidying, clock: FakeClock) -> DeleteGeneration:
    return DeleteGeneration(jobs.library, tidying(), clock)


@pytest.fixture
async def made(attempt: Attempt, jobs: InMemoryJobs, excerpts: FakeExcerptStore) -> None:
    """`gen_1` has a video, of which excerpts were taken."""
    await attempt.make(Stages())
    video = (await jobs.repository.get("gen_1")).video
    assert video is not None
    excerpts.keep(video.sha256, Excerpts(thumbnail=b"", spritesheet=b"", recipe=None))


async def state(jobs: InMemoryJobs) -> OutputState:
    return (await jobs.library.get("gen_1")).state


async def findings(jobs: InMemoryJobs, store: FakeArtifactStore) -> list[object]:
    auditing = AuditJobs(jobs.repository, jobs.event_log, jobs.library, store)
    return [finding async for finding in auditing.execute()]


def is_there(store: FakeArtifactStore) -> bool:
    return store.survey().published == ["gen_1"]


@pytest.mark.usefixtures("made")
async def test_a_deleted_video_is_removed_once_its_days_are_over_and_not_before(
    deleting: DeleteGeneration, tidying: Tidying, jobs: InMemoryJobs, store: FakeArtifactStore,
    clock: FakeClock, excerpts: FakeExcerptStore,
) -> None:  # fmt: skip
    await deleting.video("gen_1")

    clock.advance(7 * DAY_S - 1)
    await tidying().execute()
    assert (await state(jobs), is_there(store)) == (OutputState.DELETED, True)

    clock.advance(2)
    await tidying().execute()
    assert (await state(jobs), is_there(store)) == (OutputState.REMOVED, False)
    assert excerpts.kept == {}
    assert await findings(jobs, store) == []
    with pytest.raises(NotRestorable):
        await deleting.restore_video("gen_1")
    with pytest.raises(OutputMissing, match="gone"):
        await deleting.video("gen_1")


@pytest.mark.usefixtures("made")
async def test_what_is_restored_in_time_stays(
    deleting: DeleteGeneration, tidying: Tidying, jobs: InMemoryJobs, store: FakeArtifactStore,
    clock: FakeClock,
) -> None:  # fmt: skip
    await deleting.video("gen_1")
    await deleting.video("gen_1")  # doing it again does nothing
    await deleting.restore_video("gen_1")

    clock.advance(8 * DAY_S)
    await tidying().execute()

    assert (await state(jobs), is_there(store)) == (OutputState.KEPT, True)


@pytest.mark.usefixtures("made")
async def test_without_days_it_is_removed_at_once(
    tidying: Tidying, jobs: InMemoryJobs, store: FakeArtifactStore, clock: FakeClock
) -> None:
    deleting = DeleteGeneration(jobs.library, tidying(trash_days=0), clock)

    entry = await deleting.video("gen_1")

    assert (entry.state, is_there(store)) == (OutputState.REMOVED, False)


@pytest.mark.usefixtures("made")
async def test_a_removal_that_was_cut_before_the_file_went_is_finished_by_the_next(
    deleting: DeleteGeneration, tidying: Tidying, jobs: InMemoryJobs, store: FakeArtifactStore,
    clock: FakeClock,
) -> None:  # fmt: skip
    await deleting.video("gen_1")
    clock.advance(8 * DAY_S)
    store.refusal = StorageError("The disk is gone.")
    await tidying().execute()
    assert (await state(jobs), is_there(store)) == (OutputState.REMOVING, True)
    assert await findings(jobs, store) == []
    with pytest.raises(NotRestorable):
        await deleting.restore_video("gen_1")

    store.refusal = None
    await tidying(trash_days=365).execute()  # whatever is set by now: it was begun

    assert (await state(jobs), is_there(store)) == (OutputState.REMOVED, False)


@pytest.mark.usefixtures("made")
async def test_a_removal_that_was_cut_after_the_file_went_is_finished_by_the_next(
    tidying: Tidying, deleting: DeleteGeneration, jobs: InMemoryJobs, store: FakeArtifactStore,
    clock: FakeClock,
) -> None:  # fmt: skip
    await deleting.video("gen_1")
    await jobs.library.update("gen_1", lambda entry: entry.begin_removal(at=clock.now()))
    store.remove("gen_1")
    assert await findings(jobs, store) == []

    await tidying().execute()

    assert await state(jobs) is OutputState.REMOVED
    assert await findings(jobs, store) == []


@pytest.mark.usefixtures("made")
async def test_an_intent_that_cannot_be_kept_leaves_the_file(
    deleting: DeleteGeneration, tidying: Tidying, jobs: InMemoryJobs, store: FakeArtifactStore,
    clock: FakeClock,
) -> None:  # fmt: skip
    await deleting.video("gen_1")
    clock.advance(8 * DAY_S)
    jobs.library.refusals = [DiskFull()]

    await tidying().execute()

    assert (await state(jobs), is_there(store)) == (OutputState.DELETED, True)


@pytest.mark.usefixtures("made")
async def test_a_video_that_is_restored_between_the_look_and_the_removal_stays(
    deleting: DeleteGeneration, tidying: Tidying, jobs: InMemoryJobs, store: FakeArtifactStore
) -> None:
    await deleting.video("gen_1")
    await deleting.restore_video("gen_1")

    await tidying().remove("gen_1")

    assert (await state(jobs), is_there(store)) == (OutputState.KEPT, True)


@pytest.mark.usefixtures("made")
async def test_what_was_kept_for_long_enough_is_deleted_then_removed(
    tidying: Tidying, jobs: InMemoryJobs, clock: FakeClock, store: FakeArtifactStore
) -> None:
    tidy = tidying(keep_days=30)
    clock.advance(29 * DAY_S)
    await tidy.execute()
    assert await state(jobs) is OutputState.KEPT

    clock.advance(2 * DAY_S)
    await tidy.execute()
    assert await state(jobs) is OutputState.DELETED  # and can be restored, for its days

    clock.advance(8 * DAY_S)
    await tidy.execute()
    assert (await state(jobs), is_there(store)) == (OutputState.REMOVED, False)


@pytest.mark.usefixtures("made")
async def test_a_favourite_is_kept_for_ever(
    tidying: Tidying, jobs: InMemoryJobs, clock: FakeClock
) -> None:
    await jobs.library.update("gen_1", lambda entry: entry.judge(is_favourite=True))

    clock.advance(99 * DAY_S)
    await tidying(keep_days=30).execute()

    assert await state(jobs) is OutputState.KEPT


@pytest.mark.usefixtures("made")
async def test_a_video_that_was_deleted_for_its_age_and_restored_has_its_whole_time_again(
    tidying: Tidying, deleting: DeleteGeneration, jobs: InMemoryJobs, clock: FakeClock
) -> None:
    tidy = tidying(keep_days=30)
    clock.advance(31 * DAY_S)
    await tidy.execute()
    await deleting.restore_video("gen_1")

    clock.advance(29 * DAY_S)
    await tidy.execute()
    assert await state(jobs) is OutputState.KEPT

    clock.advance(2 * DAY_S)
    await tidy.execute()
    assert await state(jobs) is OutputState.DELETED


@pytest.mark.usefixtures("made")
async def test_a_deleted_generation_is_listed_no_more_and_its_video_goes_with_it(
    deleting: DeleteGeneration, jobs: InMemoryJobs
) -> None:
    await deleting.generation("gen_1")
    assert await jobs.library.generations(Filters()) == []
    assert await state(jobs) is OutputState.DELETED

    await deleting.restore_generation("gen_1")
    assert len(await jobs.library.generations(Filters())) == 1
    assert await state(jobs) is OutputState.KEPT


@pytest.mark.parametrize("status", JobStatus)
async def test_only_what_is_over_can_be_deleted(
    status: JobStatus, deleting: DeleteGeneration, jobs: InMemoryJobs
) -> None:
    await jobs.repository.add(a_job_that_is(status))

    if not status.is_terminal:
        with pytest.raises(NotDeletable, match="cancel"):
            await deleting.generation("gen_1")
    else:
        await deleting.generation("gen_1")

    assert bool(await jobs.library.generations(Filters())) is not status.is_terminal


async def test_what_has_no_video_cannot_lose_or_regain_one(
    deleting: DeleteGeneration, jobs: InMemoryJobs
) -> None:
    await jobs.repository.add(a_job_that_is(JobStatus.FAILED))

    with pytest.raises(OutputMissing, match="failed"):
        await deleting.video("gen_1")
    await deleting.generation("gen_1")
    with pytest.raises(OutputMissing):
        await deleting.restore_video("gen_1")
    with pytest.raises(UnknownJob):
        await deleting.generation("gen_nobody")


def test_a_century_is_still_a_date(tidying: Tidying, clock: FakeClock) -> None:
    assert clock.now() - timedelta(days=36500) < clock.now()
    assert not tidying(trash_days=36500).removes_at_once
