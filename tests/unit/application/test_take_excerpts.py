"""Pictures of videos: taken out once, however many ask."""

import asyncio

import pytest

from application.take_excerpts import TakeExcerpts, video_of
from domain.errors import DiskFull, OutputMissing, VideoUnusable
from domain.job_event import JobStatus
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.examples import NOON, a_job_that_is
from tests.fakes.excerpt_maker import DAMAGED, FakeExcerptMaker
from tests.fakes.excerpt_store import FakeExcerptStore
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.renderer import Stages
from tests.unit.application.attempt import Attempt


@pytest.fixture
def maker() -> FakeExcerptMaker:
    return FakeExcerptMaker()


@pytest.fixture
def remembered() -> FakeExcerptStore:
    return FakeExcerptStore()


@pytest.fixture
def excerpts(
    store: FakeArtifactStore,
    maker: FakeExcerptMaker,
    remembered: FakeExcerptStore,
) -> TakeExcerpts:
    return TakeExcerpts(store, maker, remembered)


async def test_they_are_taken_out_once_and_remembered(
    jobs: InMemoryJobs,
    excerpts: TakeExcerpts,
    attempt: Attempt,
    maker: FakeExcerptMaker,
    remembered: FakeExcerptStore,
) -> None:
    await attempt.make(Stages())

    entry = await jobs.library.get("gen_1")
    first = await excerpts.execute(entry)
    second = await excerpts.execute(entry)

    assert first == second
    assert first.thumbnail.startswith(b"thumbnail of ")
    assert maker.made == 1
    assert list(remembered.kept) == [video_of(entry).sha256]


async def test_many_who_ask_at_once_wait_for_one_decode_and_none_is_lost_with_another(
    jobs: InMemoryJobs, excerpts: TakeExcerpts, attempt: Attempt, maker: FakeExcerptMaker
) -> None:
    await attempt.make(Stages())
    entry = await jobs.library.get("gen_1")
    maker.may_make.clear()
    first, *others = [asyncio.create_task(excerpts.execute(entry)) for _ in range(5)]
    await asyncio.sleep(0.05)
    first.cancel()

    maker.may_make.set()
    found = await asyncio.gather(*others)

    assert len({told.thumbnail for told in found}) == 1
    assert maker.made == 1


async def test_what_cannot_be_remembered_is_shown_all_the_same(
    jobs: InMemoryJobs, excerpts: TakeExcerpts, attempt: Attempt, remembered: FakeExcerptStore
) -> None:
    await attempt.make(Stages())
    remembered.refusal = DiskFull()

    taken = await excerpts.execute(await jobs.library.get("gen_1"))

    assert taken.thumbnail


async def test_a_damaged_file_is_told_and_tried_again(
    jobs: InMemoryJobs,
    excerpts: TakeExcerpts,
    attempt: Attempt,
    store: FakeArtifactStore,
    maker: FakeExcerptMaker,
) -> None:
    await attempt.make(Stages())
    whole = store.locate("gen_1").read_bytes()
    store.locate("gen_1").write_bytes(DAMAGED)
    with pytest.raises(VideoUnusable):
        await excerpts.execute(await jobs.library.get("gen_1"))

    store.locate("gen_1").write_bytes(whole)

    assert await excerpts.execute(await jobs.library.get("gen_1"))
    assert maker.made == 1


async def test_what_has_no_video_has_no_picture(
    excerpts: TakeExcerpts, jobs: InMemoryJobs, attempt: Attempt
) -> None:
    await attempt.make(Stages())
    await jobs.repository.add(a_job_that_is(JobStatus.FAILED, "gen_2"))
    with pytest.raises(OutputMissing):
        await excerpts.execute(await jobs.library.get("gen_2"))

    await jobs.library.update("gen_1", lambda entry: entry.delete_video(at=NOON))
    assert await excerpts.execute(
        await jobs.library.get("gen_1")
    )  # until it is gone, it can be looked at


async def test_a_video_that_is_removed_while_it_is_decoded_leaves_no_pictures_behind(
    jobs: InMemoryJobs, excerpts: TakeExcerpts, attempt: Attempt, store: FakeArtifactStore,
    maker: FakeExcerptMaker, remembered: FakeExcerptStore,
) -> None:  # fmt: skip
    await attempt.make(Stages())
    entry = await jobs.library.get("gen_1")
    maker.when_made = lambda: store.remove("gen_1")

    with pytest.raises(OutputMissing):
        await excerpts.execute(entry)

    assert remembered.kept == {}
