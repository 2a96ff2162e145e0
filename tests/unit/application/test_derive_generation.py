"""Making a generation from another's video, or from a file."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from application.browse_library import BrowseLibrary
from application.derive_generation import DeriveGeneration
from application.disk_gate import DiskGate
from application.upload_image import UploadImage
from application.upload_video import UploadVideo
from domain.derivation import Derivation
from domain.errors import NotCompleted, OutputMissing, UnknownJob, VideoUnusable
from domain.generation import GenerationDraft
from domain.image import png_size
from domain.job_event import JobStatus
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.clip_reader import FakeClipReader, a_video
from tests.fakes.examples import a_job, a_job_that_is, a_request
from tests.fakes.image_reader import FakeImageReader
from tests.fakes.image_store import FakeImageStore
from tests.fakes.jobs import InMemoryJobs
from tests.integration.http.lives import complete, start


def said(**more: object) -> Callable[[str | None], GenerationDraft]:
    """A client that names no checkpoint of its own: the source's is meant, or `mini`."""
    draft = GenerationDraft(prompt="a blue square", **more)
    return lambda of_source: replace(draft, checkpoint=of_source or "mini")


@pytest.fixture
def derive(
    jobs: InMemoryJobs,
    store: FakeArtifactStore,
    images: FakeImageStore,
    gate: DiskGate,
) -> DeriveGeneration:
    browse = BrowseLibrary(jobs.library, store)
    upload = UploadImage(FakeImageReader(), images, gate)
    return DeriveGeneration(browse, upload, UploadVideo(FakeClipReader(), images, gate), images)


@pytest.fixture
async def job_id(jobs: InMemoryJobs, store: FakeArtifactStore) -> str:
    """One whose video is there: 9 frames of 64x32."""
    await jobs.repository.add(a_job(request=a_request(width=64, height=32, num_frames=9, seed=3)))
    await start(jobs, "gen_1")
    await complete(jobs, store, "gen_1", a_video(64, 32, frames=9, fps=8))
    return "gen_1"


async def test_a_remix_needs_no_video(derive: DeriveGeneration, jobs: InMemoryJobs) -> None:
    await jobs.repository.add(a_job_that_is(JobStatus.FAILED))

    derived = await derive.remix("gen_1", said(steps=3))

    assert (derived.made_from, derived.made_as) == ("gen_1", Derivation.REMIX)
    assert (derived.draft.prompt, derived.draft.steps) == ("a blue square", 3)
    assert derived.draft.seed == a_request().seed


async def test_an_edit_takes_the_frames_of_the_video(
    derive: DeriveGeneration, job_id: str, images: FakeImageStore
) -> None:
    derived = await derive.edit(job_id, said(strength=0.5))

    assert (derived.made_from, derived.made_as) == (job_id, Derivation.EDIT)
    assert derived.draft.video is not None
    assert images.locate_clip(derived.draft.video).is_file()
    assert (derived.draft.num_frames, derived.draft.strength, derived.draft.seed) == (9, 0.5, 3)


async def test_an_extension_takes_the_last_frame(
    derive: DeriveGeneration, job_id: str, images: FakeImageStore
) -> None:
    derived = await derive.extend(job_id, said(num_frames=5))

    assert (derived.made_from, derived.made_as) == (job_id, Derivation.EXTENSION)
    assert derived.draft.image is not None
    assert png_size(images.locate(derived.draft.image)) == (64, 32)
    assert (derived.draft.width, derived.draft.height) == (64, 32)
    assert (derived.draft.num_frames, derived.draft.seed) == (5, None)


@pytest.mark.parametrize(("frames", "taken"), [(9, 9), (11, 9), (100, 33), (1, 1)])
async def test_a_file_is_edited_for_as_long_as_it_lasts(
    derive: DeriveGeneration, frames: int, taken: int
) -> None:
    derived = await derive.edit(a_video(48, 32, frames=frames, fps=8), said())

    assert derived.made_from is None
    assert (derived.draft.width, derived.draft.height) == (48, 32)
    assert derived.draft.num_frames == taken


async def test_what_is_said_of_a_file_wins(derive: DeriveGeneration) -> None:
    file = a_video(48, 32, frames=9, fps=8)

    edit = await derive.edit(file, said(width=96, height=64, num_frames=5))
    extension = await derive.extend(file, said(width=96))

    assert (edit.draft.width, edit.draft.height, edit.draft.num_frames) == (96, 64, 5)
    assert (extension.draft.width, extension.draft.height) == (96, 32)
    assert extension.draft.image is not None


@pytest.mark.parametrize("status", sorted(set(JobStatus) - {JobStatus.COMPLETED}), ids=str)
async def test_without_a_video_there_is_nothing_to_go_on_from(
    status: JobStatus, derive: DeriveGeneration, jobs: InMemoryJobs
) -> None:
    await jobs.repository.add(a_job_that_is(status))

    for ask in (derive.edit, derive.extend):
        with pytest.raises(NotCompleted, match=status):
            await ask("gen_1", said())


async def test_a_video_that_was_removed_is_missing(
    derive: DeriveGeneration, job_id: str, store: FakeArtifactStore
) -> None:
    store.locate(job_id).unlink()

    with pytest.raises(OutputMissing):
        await derive.edit(job_id, said())


async def test_what_nobody_knows_is_unknown(derive: DeriveGeneration) -> None:
    for ask in (derive.remix, derive.edit, derive.extend):
        with pytest.raises(UnknownJob):
            await ask("gen_nobody", said())


async def test_a_file_that_is_no_video_is_refused(derive: DeriveGeneration) -> None:
    with pytest.raises(VideoUnusable):
        await derive.extend(b"no video", said())
