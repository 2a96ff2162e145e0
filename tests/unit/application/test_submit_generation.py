"""Accepting a generation."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from application.complete_draft import CompleteDraft, draw_seed
from application.disk_gate import DiskGate
from application.dispatch_jobs import DispatchJobs
from application.known_overflows import KnownOverflows
from application.plan_generation import PlanGeneration
from application.submission import Asked, Submission
from application.submit_generation import Accepted, SubmitGeneration, new_id
from application.upload_image import UploadImage
from application.upload_video import UploadVideo
from domain.errors import (
    CheckpointMissing,
    DiskFull,
    InvalidRequest,
    KeyReused,
    VideoUnusable,
)
from domain.generation import MAX_SEED, GenerationDraft
from domain.job_event import EventKind, JobStatus
from domain.lora import LoraDraft
from tests.fakes.checkpoint_catalog import FakeCheckpointCatalog
from tests.fakes.clip_reader import FakeClipReader, a_video
from tests.fakes.clock import FakeClock
from tests.fakes.examples import a_draft
from tests.fakes.hardware_probe import GIB, FakeHardwareProbe
from tests.fakes.image_reader import FakeImageReader
from tests.fakes.image_store import FakeImageStore
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.lora_catalog import FakeLoraCatalog, a_lora
from tests.fakes.renderer import Hangs
from tests.unit.application.attempt import Lane

Submit = Callable[..., Awaitable[Accepted]]


@pytest.fixture
def dispatch(jobs: InMemoryJobs, lane: Lane, gate: DiskGate, clock: FakeClock) -> DispatchJobs:
    return DispatchJobs(jobs.queue, [lane([Hangs()])], gate, clock)


@pytest.fixture
def catalog() -> FakeCheckpointCatalog:
    return FakeCheckpointCatalog("mini", "mini-ti2v")


@pytest.fixture
def submitting(
    jobs: InMemoryJobs,
    catalog: FakeCheckpointCatalog,
    images: FakeImageStore,
    gate: DiskGate,
    hardware: FakeHardwareProbe,
    dispatch: DispatchJobs,
    clock: FakeClock,
) -> SubmitGeneration:
    """Its ids count from `gen_1`."""
    numbers = count(1)
    return SubmitGeneration(
        PlanGeneration(
            CompleteDraft(
                catalog, images, draw_seed=lambda: 7, loras=FakeLoraCatalog(a_lora("turn"))
            ),
            jobs.history,
            hardware.capacity,
            KnownOverflows(clock),
        ),
        jobs.repository,
        gate,
        dispatch,
        clock,
        new_id=lambda: f"gen_{next(numbers)}",
    )


@pytest.fixture
def submit(submitting: SubmitGeneration) -> Submit:
    """Submits a draft."""

    def execute(draft: GenerationDraft | None = None, **said: Any) -> Awaitable[Accepted]:
        return submitting.execute(Submission(draft=draft or a_draft(), **said))

    return execute


async def test_a_submitted_generation_is_kept_waiting_with_its_event(
    submit: Submit, jobs: InMemoryJobs, clock: FakeClock
) -> None:
    job = (await submit(priority=3)).job

    assert jobs.kept == [job]
    assert (job.id, job.status, job.priority) == ("gen_1", JobStatus.QUEUED, 3)
    assert job.created_at == clock.now()
    assert [logged.event.kind for logged in jobs.events] == [EventKind.QUEUED]


async def test_a_draft_is_completed_by_its_checkpoint_and_the_drawn_seed(
    submit: Submit,
) -> None:
    job = (await submit()).job

    assert (job.request.checkpoint, job.request.width, job.request.seed) == ("mini", 128, 7)


async def test_a_job_has_its_plan_before_it_is_queued(submit: Submit) -> None:
    job = (await submit()).job

    assert (job.plan.weight_bytes, job.plan.tokens) == (2000, 320)


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"num_frames": 18}, InvalidRequest),
        ({"checkpoint": "sora"}, InvalidRequest),
        ({"checkpoint": "t2v-A14B"}, CheckpointMissing),
        ({"checkpoint": "t2v-A14B", "num_frames": 18}, InvalidRequest),
    ],
)
async def test_what_cannot_be_done_is_refused_and_not_kept(
    submit: Submit,
    jobs: InMemoryJobs,
    fields: dict[str, object],
    refusal: type[Exception],
) -> None:
    with pytest.raises(refusal):
        await submit(a_draft(**fields))

    assert jobs.kept == []


async def test_a_job_that_cannot_be_kept_is_not_accepted(
    submit: Submit, jobs: InMemoryJobs
) -> None:
    jobs.refusals.append(DiskFull())

    with pytest.raises(DiskFull):
        await submit()

    assert jobs.kept == []


async def test_nothing_is_accepted_below_the_hard_mark(
    submit: Submit, jobs: InMemoryJobs, hardware: FakeHardwareProbe
) -> None:
    hardware.free = GIB

    with pytest.raises(DiskFull, match=r"disk\.hard_mib"):
        await submit()

    assert jobs.kept == []


class TestKeys:
    async def test_the_same_again_is_the_same_job(self, submit: Submit, jobs: InMemoryJobs) -> None:
        first = await submit(idempotency_key="k")

        again = await submit(idempotency_key="k")

        assert (first.is_replayed, again.is_replayed) == (False, True)
        assert again.job.id == first.job.id
        assert len(jobs.kept) == 1

    @pytest.mark.parametrize("gone", ["room", "weights"])
    async def test_the_same_again_is_answered_though_it_could_not_be_accepted_now(
        self, gone: str, submit: Submit, catalog: FakeCheckpointCatalog, hardware: FakeHardwareProbe
    ) -> None:
        # It was told that its generation was refused, and asked for another one elsewhere.
        first = await submit(idempotency_key="k")
        if gone == "room":
            hardware.free = GIB
        else:
            catalog.remove("mini")

        again = await submit(idempotency_key="k")

        assert (again.job.id, again.is_replayed) == (first.job.id, True)

    @pytest.mark.parametrize(
        "other", [{"draft": a_draft(steps=3)}, {"priority": 1}, {"preempts": True}]
    )
    async def test_something_else_under_the_same_key_is_refused(
        self, other: dict[str, Any], submit: Submit, jobs: InMemoryJobs
    ) -> None:
        await submit(idempotency_key="k")

        with pytest.raises(KeyReused):
            await submit(**other, idempotency_key="k")

        assert len(jobs.kept) == 1

    async def test_another_clients_key_is_its_own(self, submit: Submit) -> None:
        first = await submit(idempotency_key="k", client="a")

        assert (await submit(idempotency_key="k", client="b")).job.id != first.job.id

    async def test_what_was_said_decides_where_the_draft_holds_more(self, submit: Submit) -> None:
        first = await submit(idempotency_key="k", said=b"remix gen_0")

        again = await submit(a_draft(steps=3), idempotency_key="k", said=b"remix gen_0")

        assert again.job.id == first.job.id
        with pytest.raises(KeyReused):
            await submit(idempotency_key="k", said=b"remix gen_1")

    async def test_what_is_wanted_is_not_worked_out_again(
        self, submitting: SubmitGeneration
    ) -> None:
        asked = Asked(said=b"remix gen_0", idempotency_key="k")
        worked_out = 0

        async def derive() -> Submission:
            nonlocal worked_out
            worked_out += 1
            return Submission(draft=a_draft(), said=asked.said, idempotency_key="k")

        first = await submitting.derive_and_execute(asked, derive)
        again = await submitting.derive_and_execute(asked, derive)

        assert (again.is_replayed, again.job.id) == (True, first.job.id)
        assert worked_out == 1

    async def test_without_a_key_every_submission_counts(self, submit: Submit) -> None:
        assert (await submit()).job.id != (await submit()).job.id


async def test_an_urgent_submission_makes_way_for_itself(
    submit: Submit, jobs: InMemoryJobs, dispatch: DispatchJobs
) -> None:
    await submit()
    running = asyncio.create_task(dispatch.run())
    await jobs.wait(lambda: jobs.kept[0].status is JobStatus.RUNNING, timeout_s=5)

    urgent = (await submit(priority=1, preempts=True)).job

    await jobs.wait(lambda: jobs.kept[1].status is JobStatus.RUNNING, timeout_s=5)
    assert (urgent.id, jobs.kept[0].status) == ("gen_2", JobStatus.QUEUED)
    running.cancel()
    await asyncio.wait([running])


def test_drawn_seeds_are_valid_and_ids_differ() -> None:
    assert 0 <= draw_seed() <= MAX_SEED
    assert new_id() != new_id()


async def test_a_first_image_is_named_by_its_id(submit: Submit, images: FakeImageStore) -> None:
    image = UploadImage(FakeImageReader(), images).execute(b"64x64")
    draft = a_draft(image=image.id, checkpoint="mini-ti2v", width=32, height=32)

    job = (await submit(draft)).job

    assert (image.width, image.height) == (64, 64)
    assert job.request.image == image.id


@pytest.mark.parametrize(
    ("changes", "pointer", "words"),
    [
        ({"image": "img_0"}, "/image", "img_0"),
        ({"last_image": "img_0"}, "/last_image", "img_0"),
        ({"checkpoint": "mini"}, "/checkpoint", "mini-ti2v"),
        ({"width": 128, "height": 64}, "/image", "stretched to 128x64"),
    ],
)
async def test_an_image_that_does_not_suit_is_refused(
    changes: dict[str, object],
    pointer: str,
    words: str,
    submit: Submit,
    images: FakeImageStore,
) -> None:
    image = UploadImage(FakeImageReader(), images).execute(b"64x64")
    draft = a_draft(**{"image": image.id, "checkpoint": "mini-ti2v", **changes})

    with pytest.raises(InvalidRequest, match=words) as refused:
        await submit(draft)

    assert [violation.pointer for violation in refused.value.violations] == [pointer]


def test_the_same_picture_is_the_same_image(images: FakeImageStore) -> None:
    upload = UploadImage(FakeImageReader(), images)

    assert upload.execute(b"64x64") == upload.execute(b"64x64") != upload.execute(b"64x32")


async def test_a_lora_is_kept_with_the_hash_of_its_file(submit: Submit) -> None:
    draft = a_draft(loras=(LoraDraft(name="turn", strength_low_noise=0.5),))

    (use,) = (await submit(draft)).job.request.loras

    assert (use.strength_high_noise, use.strength_low_noise) == (1.0, 0.5)
    assert [len(sha256) for sha256 in use.sha256] == [64]


async def test_a_lora_that_is_not_here_is_refused_with_its_place(submit: Submit) -> None:
    draft = a_draft(loras=(LoraDraft(name="turn"), LoraDraft(name="anime")))

    with pytest.raises(InvalidRequest, match="belongs into the folder `loras`") as refused:
        await submit(draft)

    (violation,) = refused.value.violations
    assert (violation.pointer, violation.nearest) == ("/loras/1/name", ("turn",))


async def test_a_lora_of_another_family_is_refused(submit: Submit) -> None:
    draft = a_draft(checkpoint="mini-ti2v", loras=(LoraDraft(name="turn", strength_low_noise=0.5),))

    with pytest.raises(InvalidRequest, match="one network"):
        await submit(draft)


def test_a_video_that_cannot_be_used_leaves_nothing_behind(
    images: FakeImageStore, tmp_path: Path
) -> None:
    with pytest.raises(VideoUnusable):
        UploadVideo(FakeClipReader(), images).execute(b"no video")

    assert list((tmp_path / "images").iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "pointer", "words"),
    [
        ({"video": "vid_0"}, "/video", "vid_0"),
        ({"checkpoint": "i2v-A14B"}, "/checkpoint", "mini or mini-ti2v or t2v-A14B"),
        ({"num_frames": 33}, "/num_frames", "the video has 17 frames.*nearest: 17"),
        ({"width": 64}, "/video", "the video is 128x128 and would be stretched to 64x128"),
        ({"strength": 0.0}, "/strength", "nearest: 0.09"),
        ({"strength": 1.5}, "/strength", "nearest: 1.0"),
    ],
)
async def test_a_video_that_does_not_suit_is_refused(
    changes: dict[str, object],
    pointer: str,
    words: str,
    submit: Submit,
    images: FakeImageStore,
) -> None:
    upload = UploadVideo(FakeClipReader(), images)
    clip = upload.execute(a_video(128, 128, frames=17, fps=8))

    with pytest.raises(InvalidRequest, match=words) as refused:
        await submit(a_draft(**{"video": clip.id, **changes}))

    assert [violation.pointer for violation in refused.value.violations] == [pointer]
