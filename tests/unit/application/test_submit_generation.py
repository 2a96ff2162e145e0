"""Accepting a generation."""

import pytest

from application.complete_draft import CompleteDraft, draw_seed
from application.submit_generation import SubmitGeneration, new_id
from application.upload_image import UploadImage
from domain.errors import CheckpointMissing, DiskFull, InvalidRequest, UnknownCheckpoint
from domain.generation import MAX_SEED
from domain.job_event import EventKind, JobStatus
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.checkpoint_catalog import FakeCheckpointCatalog
from tests.fakes.clock import FakeClock
from tests.fakes.examples import a_draft
from tests.fakes.image_reader import FakeImageReader
from tests.fakes.jobs import InMemoryJobs


@pytest.fixture
def submit(jobs: InMemoryJobs, clock: FakeClock, store: FakeArtifactStore) -> SubmitGeneration:
    complete = CompleteDraft(FakeCheckpointCatalog("mini", "mini-ti2v"), store, draw_seed=lambda: 7)
    return SubmitGeneration(complete, jobs.repository, clock, new_id=lambda: "gen_1")


async def test_a_submitted_generation_is_kept_waiting_with_its_event(
    submit: SubmitGeneration, jobs: InMemoryJobs, clock: FakeClock
) -> None:
    job = await submit.execute(a_draft(), priority=3)

    assert jobs.kept == [job]
    assert (job.id, job.status, job.priority) == ("gen_1", JobStatus.QUEUED, 3)
    assert job.created_at == clock.now()
    assert [logged.event.kind for logged in jobs.events] == [EventKind.QUEUED]


async def test_a_draft_is_completed_by_its_checkpoint_and_the_drawn_seed(
    submit: SubmitGeneration,
) -> None:
    job = await submit.execute(a_draft())

    assert (job.request.checkpoint, job.request.width, job.request.seed) == ("mini", 64, 7)


async def test_a_job_has_its_plan_before_it_is_queued(submit: SubmitGeneration) -> None:
    job = await submit.execute(a_draft())

    assert (job.plan.weight_bytes, job.plan.tokens) == (2000, 80)


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"num_frames": 18}, InvalidRequest),
        ({"checkpoint": "sora"}, UnknownCheckpoint),
        ({"checkpoint": "t2v-A14B"}, CheckpointMissing),
        ({"checkpoint": "t2v-A14B", "num_frames": 18}, InvalidRequest),
    ],
)
async def test_what_cannot_be_done_is_refused_and_not_kept(
    submit: SubmitGeneration,
    jobs: InMemoryJobs,
    fields: dict[str, object],
    refusal: type[Exception],
) -> None:
    with pytest.raises(refusal):
        await submit.execute(a_draft(**fields))

    assert jobs.kept == []


async def test_a_job_that_cannot_be_kept_is_not_accepted(
    submit: SubmitGeneration, jobs: InMemoryJobs
) -> None:
    jobs.refusals.append(DiskFull())

    with pytest.raises(DiskFull):
        await submit.execute(a_draft())

    assert jobs.kept == []


def test_drawn_seeds_are_valid_and_ids_differ() -> None:
    assert 0 <= draw_seed() <= MAX_SEED
    assert new_id() != new_id()


async def test_a_first_image_is_named_by_its_id(
    submit: SubmitGeneration, store: FakeArtifactStore
) -> None:
    image = UploadImage(FakeImageReader(), store).execute(b"64x64")
    draft = a_draft(image=image.id, checkpoint="mini-ti2v", width=32, height=32)

    job = await submit.execute(draft)

    assert (image.width, image.height) == (64, 64)
    assert job.request.image == image.id


@pytest.mark.parametrize(
    ("changes", "pointer", "words"),
    [
        ({"image": "img_0"}, "/image", "img_0"),
        ({"checkpoint": "mini"}, "/checkpoint", "mini-ti2v"),
        ({"width": 128, "height": 64}, "/image", "stretched to 128x64"),
    ],
)
async def test_an_image_that_does_not_suit_is_refused(
    changes: dict[str, object],
    pointer: str,
    words: str,
    submit: SubmitGeneration,
    store: FakeArtifactStore,
) -> None:
    image = UploadImage(FakeImageReader(), store).execute(b"64x64")
    draft = a_draft(**{"image": image.id, "checkpoint": "mini-ti2v", **changes})

    with pytest.raises(InvalidRequest, match=words) as refused:
        await submit.execute(draft)

    assert [violation.pointer for violation in refused.value.violations] == [pointer]


def test_the_same_picture_is_the_same_image(store: FakeArtifactStore) -> None:
    upload = UploadImage(FakeImageReader(), store)

    assert upload.execute(b"64x64") == upload.execute(b"64x64") != upload.execute(b"64x32")
