"""Every cell of docs/speed.md's matrix, on a random A14B: it runs and resumes bit for bit, or is refused."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from adapters.cli.speed_page import LORAS, PLACEMENTS, SHORTCUTS, STEPS, draft_of, refusal
from adapters.diffusers.video_pipeline import DiffusersVideoPipeline
from adapters.filesystem.checkpoint_catalog import read_checkpoint
from adapters.filesystem.lora_catalog import FilesystemLoraCatalog
from domain.checkpoint import checkpoint_spec
from domain.generation import GenerationRequest
from domain.local_checkpoint import LocalCheckpoint
from domain.placement import Placement
from domain.run import Run
from domain.shortcuts import guided_steps
from tests.fakes.examples import a_request
from tests.fakes.resume_points import FakeResumePoints
from tests.integration.tiny_wans import make_checkpoint

pytestmark = pytest.mark.slow
MIDDLE = STEPS // 2


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> LocalCheckpoint:
    folder = make_checkpoint("t2v-A14B", tmp_path_factory.mktemp("models"))
    return read_checkpoint(checkpoint_spec("t2v-A14B"), folder)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> FilesystemLoraCatalog:
    folder = tmp_path_factory.mktemp("loras")
    shapes = (("down", (4, 24)), ("up", (32, 4)))
    save_file(
        {
            f"diffusion_model.blocks.{block}.ffn.0.lora_{part}.weight": torch.randn(shape)
            for block in range(2)
            for part, shape in shapes
        },
        folder / "any.safetensors",
    )
    return FilesystemLoraCatalog(folder)


@pytest.fixture(scope="module")
def pipeline() -> Iterator[DiffusersVideoPipeline]:
    pipeline = DiffusersVideoPipeline(torch.device("cpu"))  # in an accelerator's place
    yield pipeline
    pipeline.close()


@pytest.mark.parametrize("left_out", SHORTCUTS)
@pytest.mark.parametrize("worn", LORAS)
@pytest.mark.parametrize("placed", PLACEMENTS)  # the last changes least: each loads anew
def test_it_runs_and_resumes_or_is_refused_with_a_reason(
    placed: str,
    left_out: str,
    worn: str,
    pipeline: DiffusersVideoPipeline,
    checkpoint: LocalCheckpoint,
    catalog: FilesystemLoraCatalog,
) -> None:
    row, loras = SHORTCUTS[left_out], LORAS[worn]
    if reason := refusal(draft_of(row, loras)):
        assert len(reason) > 40
        assert "distilled" in left_out
        return

    video = Video(pipeline, checkpoint, catalog, PLACEMENTS[placed], {**row, **loras})
    unbroken, points = video.frames(None)
    resumed, _ = video.frames(points[MIDDLE])

    assert resumed == unbroken
    most = STEPS + guided_steps(video.request)
    assert video.forwards[0] < most if "step_cache" in row else video.forwards[0] == most
    assert len(set(unbroken)) > 1


class Video:
    """One cell's, made as often as it is asked for; `forwards` counts each time's."""

    def __init__(
        self,
        pipeline: DiffusersVideoPipeline,
        checkpoint: LocalCheckpoint,
        catalog: FilesystemLoraCatalog,
        placement: Placement,
        asked: dict[str, Any],
    ) -> None:
        said = asked.pop("loras", ())
        self._loras = [catalog.find(lora.name) for lora in said]
        uses = tuple(
            lora.complete(catalog.hashes(found))
            for lora, found in zip(said, self._loras, strict=True)
        )
        self.request: GenerationRequest = a_request(
            width=32, height=32, num_frames=5, steps=STEPS, flow_shift=5.0, loras=uses, **asked
        )
        self.forwards: list[int] = []
        self._pipeline, self._checkpoint, self._placement = pipeline, checkpoint, placement

    def frames(self, saved: bytes | None) -> tuple[bytes, dict[int, bytes]]:
        resume = FakeResumePoints(saved, due=(MIDDLE,))
        self._pipeline._ready(self._checkpoint, self._placement)
        pipe = self._pipeline._loaded.pipe  # type: ignore[union-attr]
        passes: list[int] = []
        hooks = [
            expert.register_forward_pre_hook(lambda *_: passes.append(1))
            for expert in (pipe.transformer, pipe.transformer_2)
        ]
        run = Run(
            request=self.request,
            checkpoint=self._checkpoint,
            loras=self._loras,
            placement=self._placement,
        )
        chunks = self._pipeline.generate(run, lambda _: None, resume)
        made = b"".join(chunk.rgb.tobytes() for chunk in chunks)
        for hook in hooks:
            hook.remove()
        self.forwards.append(len(passes))
        assert (resume.accepted, resume.rejected) == (MIDDLE if saved else None, None)
        return made, resume.points
