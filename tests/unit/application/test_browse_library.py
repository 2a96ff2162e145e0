"""Finding videos again."""

import pytest

from application.browse_library import BrowseLibrary
from domain.errors import OutputMissing, UnknownJob
from domain.job_event import JobStatus
from domain.library import OutputState
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.examples import NOON, a_job, a_job_that_is
from tests.fakes.jobs import InMemoryJobs


@pytest.fixture
def browse(jobs: InMemoryJobs, store: FakeArtifactStore) -> BrowseLibrary:
    return BrowseLibrary(jobs.library, store)


def publish(store: FakeArtifactStore) -> None:
    staged = store.stage("gen_1", 1)
    staged.write_text("frames")
    store.publish("gen_1", 1, sha256=store.seal(staged).sha256)


async def test_a_completed_jobs_video_is_where_the_store_says(
    browse: BrowseLibrary, jobs: InMemoryJobs, store: FakeArtifactStore
) -> None:
    publish(store)
    await jobs.repository.add(a_job_that_is(JobStatus.COMPLETED))

    entry, path = await browse.video("gen_1")

    assert (entry.job.status, path) == (JobStatus.COMPLETED, store.locate("gen_1"))


async def test_a_video_whose_file_was_taken_away_is_missing(
    browse: BrowseLibrary, jobs: InMemoryJobs
) -> None:
    await jobs.repository.add(a_job_that_is(JobStatus.COMPLETED))

    with pytest.raises(OutputMissing):
        await browse.video("gen_1")
    with pytest.raises(UnknownJob):
        await browse.video("gen_2")


async def test_a_file_is_not_a_video_before_its_job_has_completed(
    browse: BrowseLibrary, jobs: InMemoryJobs, store: FakeArtifactStore
) -> None:
    # Only the file was looked for: between the rename and the commit it was served.
    publish(store)
    await jobs.repository.add(a_job_that_is(JobStatus.PUBLISHING))

    with pytest.raises(OutputMissing, match="publishing"):
        await browse.video("gen_1")


async def test_a_deleted_video_is_not_watched_but_can_be_looked_at(
    browse: BrowseLibrary, jobs: InMemoryJobs, store: FakeArtifactStore
) -> None:
    publish(store)
    await jobs.repository.add(a_job_that_is(JobStatus.COMPLETED))
    await jobs.library.update("gen_1", lambda entry: entry.delete_video(at=NOON))

    assert (await browse.output("gen_1")).state is OutputState.DELETED
    with pytest.raises(OutputMissing, match="restore"):
        await browse.video("gen_1")


async def test_a_video_knows_where_it_came_from_and_what_came_of_it(
    browse: BrowseLibrary, jobs: InMemoryJobs
) -> None:
    await jobs.repository.add(a_job("gen_0"))
    made = a_job_that_is(JobStatus.COMPLETED)
    made.made_from = "gen_0"
    await jobs.repository.add(made)
    await jobs.repository.add(a_job("gen_2", made_from="gen_1"))

    lineage = await browse.lineage(await browse.output("gen_1"))

    assert (lineage.retry_of, lineage.made_from) == (None, "gen_0")
    assert [job.id for job in lineage.descendants] == ["gen_2"]
