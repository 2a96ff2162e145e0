"""LoRAs through the whole pipeline: frames, events, resume points, and a checkpoint loaded once."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import adapters.embedded
from adapters.diffusers.video_pipeline import DiffusersVideoPipeline
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from adapters.filesystem.lora_catalog import FilesystemLoraCatalog
from domain.generation import GenerationRequest
from domain.lora import LoraDraft, LoraUse
from domain.placement import ALL_RESIDENT, Place, Placement
from domain.rendering import Noticed, RenderProgress
from domain.run import Run
from domain.structure import Precision
from tests.fakes.examples import a_request
from tests.fakes.resume_points import FakeResumePoints

pytestmark = pytest.mark.slow
MINI = FilesystemCheckpointCatalog([Path(adapters.embedded.__path__[0])]).find("mini")
PLAIN = a_request(width=32, height=32, num_frames=5, steps=3)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> FilesystemLoraCatalog:
    folder = tmp_path_factory.mktemp("loras")
    for name in ("one", "other"):
        tensors = {
            f"diffusion_model.blocks.{block}.ffn.2.lora_{part}.weight": torch.randn(shape)
            for block in range(5)
            for part, shape in (("down", (4, 416)), ("up", (160, 4)))
        } | {f"diffusion_model.blocks.0.self_attn.q.lora_{name}.weight": torch.zeros(1)}
        query = "diffusion_model.blocks.0.self_attn.q"
        tensors |= {f"{query}.lora_down.weight": torch.randn(4, 160)}
        tensors |= {f"{query}.lora_up.weight": torch.randn(160, 4)}
        save_file(tensors, folder / f"{name}.safetensors")
    return FilesystemLoraCatalog(folder)


@pytest.fixture(scope="module")
def pipeline() -> Iterator[DiffusersVideoPipeline]:
    pipeline = DiffusersVideoPipeline()
    yield pipeline
    pipeline.close()


class Video:
    """One video: its frames and what it told."""

    def __init__(
        self,
        pipeline: DiffusersVideoPipeline,
        catalog: FilesystemLoraCatalog,
        *names: str,
        saved: bytes | None = None,
        placement: Placement | None = None,
    ) -> None:
        self.resume = FakeResumePoints(saved, due=(1,))
        self.told: list[RenderProgress] = []
        loras = [catalog.find(name) for name in names]
        uses: list[LoraUse] = [
            LoraDraft(name=lora.name, strength=0.1).complete(catalog.hashes(lora)) for lora in loras
        ]
        request: GenerationRequest = replace(PLAIN, loras=tuple(uses))
        chunks = pipeline.generate(
            Run(request=request, checkpoint=MINI, loras=loras, placement=placement),
            self.told.append,
            self.resume,
        )
        self.frames = b"".join(chunk.rgb.tobytes() for chunk in chunks)


def test_they_change_the_frames_and_leave_with_their_request(
    pipeline: DiffusersVideoPipeline, catalog: FilesystemLoraCatalog
) -> None:
    plain = Video(pipeline, catalog).frames
    loaded = pipeline._loaded

    one, other, both = (
        Video(pipeline, catalog, *names).frames for names in (["one"], ["other"], ["one", "other"])
    )

    assert len({plain, one, other, both}) == 4
    assert Video(pipeline, catalog).frames == plain
    assert Video(pipeline, catalog, "one").frames == one
    assert pipeline._loaded is loaded


def test_how_many_tensors_matched_is_told_before_anything_else_and_again(
    pipeline: DiffusersVideoPipeline, catalog: FilesystemLoraCatalog
) -> None:
    told = "LoRA one: 12 tensors matched, 1 are unknown and left out, such as "

    for _ in range(2):
        first = Video(pipeline, catalog, "one").told[0]
        assert isinstance(first, Noticed)
        assert first.text.startswith(told)


def test_what_was_saved_without_one_or_with_another_is_not_gone_on_from(
    pipeline: DiffusersVideoPipeline, catalog: FilesystemLoraCatalog
) -> None:
    unbroken = Video(pipeline, catalog, "one")
    saved = unbroken.resume.points[1]

    resumed = Video(pipeline, catalog, "one", saved=saved)
    others = [Video(pipeline, catalog, *names, saved=saved) for names in ([], ["other"])]

    assert resumed.resume.accepted == 1
    assert resumed.frames == unbroken.frames
    for run in others:
        assert (run.resume.accepted, run.resume.rejected) == (
            None,
            "What was saved differs from this run in loras.",
        )


def test_wherever_the_weights_lie_and_however_they_are_kept_it_is_on(
    catalog: FilesystemLoraCatalog,
) -> None:
    with closing(DiffusersVideoPipeline(torch.device("cpu"))) as pipeline:
        resident = Video(pipeline, catalog, "one", placement=ALL_RESIDENT).frames
        visiting, streamed = (
            Video(pipeline, catalog, "one", placement=replace(ALL_RESIDENT, experts=place)).frames
            for place in (Place.VISITING, Place.STREAMED)
        )
        lossy = [
            [Video(pipeline, catalog, *names, placement=kept).frames for names in (["one"], [])]
            for kept in (
                replace(ALL_RESIDENT, precision=precision)
                for precision in (Precision.INT8, Precision.FP8)
            )
        ]

    assert resident == visiting == streamed
    assert len({resident, *lossy[0], *lossy[1]}) == 5
