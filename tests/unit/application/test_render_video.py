"""The worker's part, and the same without a queue."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from application.complete_draft import CompleteDraft
from application.generate_once import GenerateOnce, GivenData
from application.render_video import RenderVideo
from application.resume_points import KeepResumePoints
from application.upload_image import UploadImage
from application.upload_video import UploadVideo
from domain.errors import (
    CheckpointMissing,
    InvalidRequest,
    LoraUnusable,
    OutOfAcceleratorMemory,
    RenderCancelled,
)
from domain.inputs import InputFiles
from domain.lora import Expert, LoraDraft
from domain.progress import Stage
from domain.recipe import RECIPE_KEY
from domain.rendering import (
    Noticed,
    RenderOrder,
    RenderProgress,
    ResumePointSaved,
    StageEntered,
    StepFinished,
    StillRunning,
)
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.checkpoint_catalog import FakeCheckpointCatalog
from tests.fakes.clip_reader import FakeClipReader, a_video
from tests.fakes.clock import FakeClock
from tests.fakes.examples import a_draft, a_request
from tests.fakes.hardware_probe import FakeHardwareProbe
from tests.fakes.image_reader import FakeImageReader, a_png
from tests.fakes.image_store import FakeImageStore
from tests.fakes.lora_catalog import FakeLoraCatalog, a_lora
from tests.fakes.resume_store import FakeResumeStore
from tests.fakes.video_encoder import FakeVideoEncoder
from tests.fakes.video_pipeline import FakeVideoPipeline

AN_ORDER = RenderOrder(job_id="gen_1", fence=1, request=a_request())


def a_worker(
    store: FakeArtifactStore,
    pipeline: FakeVideoPipeline | None = None,
    catalog: FakeCheckpointCatalog | None = None,
    resume: FakeResumeStore | None = None,
    images: FakeImageStore | None = None,
    loras: FakeLoraCatalog | None = None,
) -> RenderVideo:
    return RenderVideo(
        catalog or FakeCheckpointCatalog("mini"),
        pipeline or FakeVideoPipeline(),
        FakeVideoEncoder(),
        store,
        images or FakeImageStore(Path()),
        KeepResumePoints(resume or FakeResumeStore(), FakeClock()),
        version="1.2.3",
        loras=loras,
    )


def unheard(progress: RenderProgress) -> None:
    """Nobody listens."""


def test_the_staged_file_is_what_is_said_of_it(store: FakeArtifactStore) -> None:
    video = a_worker(store).execute(AN_ORDER, unheard)

    published = store.publish("gen_1", 1, sha256=video.sha256)
    footage = FakeVideoEncoder().probe(published)
    assert (video.width, video.height, video.num_frames, video.fps) == (16, 16, 5, 8)
    assert video.duration_s == footage.duration_s == 0.625
    assert video.size_bytes == published.stat().st_size


def test_every_stage_and_step_is_reported_in_order(store: FakeArtifactStore) -> None:
    heard: list[RenderProgress] = []

    a_worker(store).execute(AN_ORDER, heard.append)

    assert [told for told in heard if told != StillRunning()] == [
        StageEntered(stage=Stage.ENCODING_PROMPT),
        StageEntered(stage=Stage.DENOISING),
        *(StepFinished(step=step) for step in (1, 2, 3)),
        ResumePointSaved(step=4),
        StepFinished(step=4),
        StageEntered(stage=Stage.DECODING),
        StageEntered(stage=Stage.ENCODING_VIDEO),
    ]


def test_a_video_in_which_nothing_is_to_be_seen_is_made_and_told(store: FakeArtifactStore) -> None:
    heard: list[RenderProgress] = []
    dark = replace(AN_ORDER, request=a_request(seed=0))

    video = a_worker(store, FakeVideoPipeline(is_blank=True)).execute(dark, heard.append)

    [told] = [told for told in heard if isinstance(told, Noticed)]
    assert "Every frame of the video is black" in told.text
    assert heard.index(told) > heard.index(StageEntered(stage=Stage.ENCODING_VIDEO))
    assert store.publish("gen_1", 1, sha256=video.sha256).is_file()


def test_the_file_holds_the_request_that_made_it(store: FakeArtifactStore) -> None:
    order = RenderOrder(job_id="gen_1", fence=1, request=a_request(prompt="红色 circle"))

    video = a_worker(store).execute(order, unheard)

    published = store.publish("gen_1", 1, sha256=video.sha256)
    recipe = json.loads(FakeVideoEncoder().probe(published).metadata[RECIPE_KEY])
    assert recipe["request"] == json.loads(json.dumps(asdict(order.request)))


def test_the_file_tells_what_else_made_it_than_the_request(store: FakeArtifactStore) -> None:
    pipeline = FakeVideoPipeline()
    pipeline.its_ways = {"attention": "flash-3"}

    video = a_worker(store, pipeline).execute(AN_ORDER, unheard)

    published = store.publish("gen_1", 1, sha256=video.sha256)
    recipe = json.loads(FakeVideoEncoder().probe(published).metadata[RECIPE_KEY])
    assert recipe["ways"] == {"attention": "flash-3"}


@pytest.mark.parametrize("rung", [0, 1])
def test_where_memory_was_short_it_decodes_in_tiles_and_the_file_says_so(
    rung: int, store: FakeArtifactStore
) -> None:
    # The rung was counted, and nobody read it: the second attempt was the first one again.
    pipeline = FakeVideoPipeline()

    video = a_worker(store, pipeline).execute(replace(AN_ORDER, rung=rung), unheard)

    published = store.publish("gen_1", 1, sha256=video.sha256)
    recipe = json.loads(FakeVideoEncoder().probe(published).metadata[RECIPE_KEY])
    assert pipeline.run
    assert pipeline.run.in_tiles == bool(rung)
    assert recipe.get("memory_rung", 0) == rung


def test_a_run_that_fails_leaves_nothing_staged(store: FakeArtifactStore) -> None:
    worker = a_worker(store, FakeVideoPipeline(OutOfAcceleratorMemory()))

    with pytest.raises(OutOfAcceleratorMemory):
        worker.execute(AN_ORDER, unheard)

    assert store.staged == []


@pytest.mark.parametrize("stage", [Stage.DENOISING, Stage.ENCODING_VIDEO])
def test_a_report_that_raises_ends_the_run_there(store: FakeArtifactStore, stage: Stage) -> None:
    def cancel(progress: RenderProgress) -> None:
        if progress == StageEntered(stage=stage):
            raise RenderCancelled

    with pytest.raises(RenderCancelled):
        a_worker(store).execute(AN_ORDER, cancel)

    assert store.staged == []


def test_weights_that_went_missing_are_told_before_anything_is_staged(
    store: FakeArtifactStore,
) -> None:
    worker = a_worker(store, catalog=FakeCheckpointCatalog("ti2v-5B"))

    with pytest.raises(CheckpointMissing):
        worker.execute(AN_ORDER, unheard)

    assert store.staged == []


def test_the_pipeline_is_given_the_files_that_the_request_names(
    store: FakeArtifactStore, images: FakeImageStore
) -> None:
    first, last = (images.keep(a_png(side, side)) for side in (16, 32))
    clip = UploadVideo(FakeClipReader(), images).execute(a_video(16, 16, frames=5, fps=8))
    pipeline = FakeVideoPipeline()
    request = a_request(
        image=first,
        last_image=last,
        video=clip.id,
        control_video=clip.id,
        control_mask=clip.id,
        face_video=clip.id,
        references=(last, first),
    )

    a_worker(store, pipeline, images=images).execute(replace(AN_ORDER, request=request), unheard)

    assert pipeline.run
    assert pipeline.run.inputs == InputFiles(
        image=images.locate(first),
        last_image=images.locate(last),
        video=images.locate_clip(clip.id),
        control_video=images.locate_clip(clip.id),
        control_mask=images.locate_clip(clip.id),
        face_video=images.locate_clip(clip.id),
        references=(images.locate(last), images.locate(first)),
    )


class TestLoras:
    CATALOG_AT_SUBMISSION = FakeLoraCatalog(a_lora("turn"))

    def an_order(self) -> RenderOrder:
        """Asked for while `turn` was as the catalog above has it."""
        complete = CompleteDraft(
            FakeCheckpointCatalog("mini"), FakeImageStore(Path()), loras=self.CATALOG_AT_SUBMISSION
        )
        draft = a_draft(width=16, height=16, loras=(LoraDraft(name="turn", strength=0.8),))
        request = complete.execute(draft).request
        return RenderOrder(job_id="gen_1", fence=1, request=request)

    def test_the_pipeline_is_given_the_files_and_the_recipe_names_them(
        self, store: FakeArtifactStore
    ) -> None:
        order, pipeline = self.an_order(), FakeVideoPipeline()

        video = a_worker(store, pipeline, loras=self.CATALOG_AT_SUBMISSION).execute(order, unheard)

        published = store.publish("gen_1", 1, sha256=video.sha256)
        recipe = json.loads(FakeVideoEncoder().probe(published).metadata[RECIPE_KEY])
        assert pipeline.run
        assert pipeline.run.loras == [a_lora("turn")]
        (use,) = recipe["request"]["loras"]
        assert (use["name"], use["strength_high_noise"]) == ("turn", 0.8)
        assert len(use["sha256"][0]) == 64

    def test_a_file_that_was_replaced_since_is_not_used(self, store: FakeArtifactStore) -> None:
        loras = FakeLoraCatalog()
        loras.keep(a_lora("turn"))

        with pytest.raises(LoraUnusable, match="it was replaced"):
            a_worker(store, loras=loras).execute(self.an_order(), unheard)

        assert store.staged == []

    def test_a_file_that_is_gone_since_is_told(self, store: FakeArtifactStore) -> None:
        with pytest.raises(LoraUnusable, match="was here when this was asked for"):
            a_worker(store, loras=FakeLoraCatalog()).execute(self.an_order(), unheard)


class TestGeneratingOnce:
    def test_a_draft_becomes_a_published_file(self, store: FakeArtifactStore) -> None:
        once = self.once(store)

        request, plan = once.complete(a_draft(width=16, height=16, num_frames=5))
        generated = once.execute(request, plan, unheard)

        footage = FakeVideoEncoder().probe(generated.path)
        assert (request.seed, footage.num_frames) == (7, 5)
        assert generated.request == request
        assert generated.video.size_bytes == generated.path.stat().st_size

    def test_a_bad_draft_is_refused_before_the_renderer_is_made(
        self, store: FakeArtifactStore
    ) -> None:
        once = self.once(store)

        with pytest.raises(InvalidRequest, match="17 or 21"):
            once.complete(a_draft(num_frames=18))

    def test_the_images_that_are_given_are_named_in_the_request(
        self, store: FakeArtifactStore, images: FakeImageStore
    ) -> None:
        once, draft = self.once(store, images), a_draft(checkpoint="i2v-A14B")

        request, _plan = once.complete(draft, GivenData(image=b"1280x720", last_image=b"640x360"))

        assert request.image == images.keep(a_png(1280, 720))
        assert request.last_image == images.keep(a_png(640, 360))

    def test_a_control_that_is_given_is_named_in_the_request(
        self, store: FakeArtifactStore, images: FakeImageStore
    ) -> None:
        once = self.once(store, images)
        draft = a_draft(checkpoint="vace-14B", width=64, height=32, num_frames=5)
        clip = a_video(64, 32, frames=5, fps=16)

        given = GivenData(control_video=clip, control_mask=clip, references=(b"9x9", b"8x8"))
        request, _plan = once.complete(draft, given)

        assert request.control_video == request.control_mask
        assert images.locate_clip(request.control_video or "").is_file()
        assert request.references == (images.keep(a_png(9, 9)), images.keep(a_png(8, 8)))

    def test_a_video_that_is_given_is_named_in_the_request(
        self, store: FakeArtifactStore, images: FakeImageStore
    ) -> None:
        once, draft = self.once(store, images), a_draft(width=16, height=16, num_frames=5, steps=4)

        request, plan = once.complete(draft, GivenData(video=a_video(16, 16, frames=5, fps=8)))

        assert images.locate_clip(request.video or "").is_file()
        assert (request.strength, request.denoising_steps) == (0.8, 3)
        assert plan.forwards == 2 * 3

    def test_the_loras_that_are_asked_for_are_planned_in(self, store: FakeArtifactStore) -> None:
        once, draft = self.once(store), a_draft(width=16, height=16, num_frames=5)

        _request, bare = once.complete(draft)
        _request, worn = once.complete(replace(draft, loras=(LoraDraft(name="turn"),)))

        assert (worn.accelerator_bytes or 0) - (bare.accelerator_bytes or 0) == 2 * 2 * 1000

    @staticmethod
    def once(store: FakeArtifactStore, images: FakeImageStore | None = None) -> GenerateOnce:
        images = images or FakeImageStore(Path())
        catalog = FakeCheckpointCatalog("mini", "i2v-A14B", "vace-14B")
        loras = FakeLoraCatalog(a_lora("turn", numbers=dict.fromkeys(Expert, 1000)))
        complete = CompleteDraft(catalog, images, draw_seed=lambda: 7, loras=loras)
        upload = UploadImage(FakeImageReader(), images)
        upload_video = UploadVideo(FakeClipReader(), images)
        capacity = FakeHardwareProbe().capacity()
        return GenerateOnce(
            complete, upload, upload_video, lambda: a_worker(store), store, lambda: capacity
        )
