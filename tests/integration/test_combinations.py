"""Every cell of docs/speed.md's matrix, on a random A14B: it runs and resumes bit for bit, or is refused."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import torch
from diffusers import WanTransformer3DModel
from safetensors.torch import save_file

from adapters.cli.speed_page import (
    FULLEST,
    GGUF,
    KERNELS,
    LORAS,
    PLACEMENTS,
    SHORTCUTS,
    STEPS,
    draft_of,
    refusal,
)
from adapters.diffusers.video_pipeline import DiffusersVideoPipeline
from adapters.filesystem.checkpoint_catalog import read_checkpoint
from adapters.filesystem.lora_catalog import FilesystemLoraCatalog
from domain.attention import Attention
from domain.checkpoint import checkpoint_spec
from domain.errors import WorkerUnavailable
from domain.generation import GenerationRequest
from domain.local_checkpoint import LocalCheckpoint
from domain.placement import Placement
from domain.run import Run
from domain.shortcuts import guided_steps
from tests.fakes.examples import a_request
from tests.fakes.resume_points import FakeResumePoints
from tests.integration.gguf_files import write_gguf
from tests.integration.kernels import Install, exact, in_8_bits, installer
from tests.integration.tiny_wans import A14B, a_pipe, make_checkpoint

pytestmark = pytest.mark.slow
MIDDLE = STEPS // 2


#: By whether they are quantised: a checkpoint, and where a LoRA for it lies.
Weights: TypeAlias = dict[bool, tuple[LocalCheckpoint, FilesystemLoraCatalog]]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    """Safetensors, or a pair of GGUF files (Q8_0)."""
    plain = make_checkpoint("t2v-A14B", tmp_path_factory.mktemp("models"))
    return {
        False: (
            read_checkpoint(checkpoint_spec("t2v-A14B"), plain),
            a_lora(tmp_path_factory.mktemp("loras"), width=24, ffn_width=32),
        ),
        True: (
            read_checkpoint(
                checkpoint_spec("t2v-A14B"), quantised(tmp_path_factory.mktemp("gguf"), width=32)
            ),
            a_lora(tmp_path_factory.mktemp("wide"), width=32, ffn_width=32),
        ),
    }


def quantised(models: Path, *, width: int) -> Path:
    """The same, but as wide as the blocks of Q8_0, with both experts in GGUF files."""
    folder = make_checkpoint("t2v-A14B", models)
    for name in ("transformer", "transformer_2"):
        shutil.rmtree(folder / name)
        expert: Any = WanTransformer3DModel.from_config(
            {**a_pipe(A14B).transformer.config, "attention_head_dim": width // 2}
        )
        expert.save_config(folder / name)
        write_gguf(folder / name / "model.gguf", expert.state_dict())
    return folder


def a_lora(folder: Path, *, width: int, ffn_width: int) -> FilesystemLoraCatalog:
    shapes = (("down", (4, width)), ("up", (ffn_width, 4)))
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
    weights: Weights,
) -> None:
    row, loras = SHORTCUTS[left_out], LORAS[worn]
    if reason := refusal(draft_of(row, loras)):
        assert len(reason) > 40
        assert "distilled" in left_out
        return

    video = Video(pipeline, *weights[GGUF in placed], PLACEMENTS[placed], {**row, **loras})
    unbroken, points = video.frames(None)
    resumed, _ = video.frames(points[MIDDLE])

    assert resumed == unbroken
    most = STEPS + guided_steps(video.request)
    assert video.forwards[0] < most if "step_cache" in row else video.forwards[0] == most
    assert len(set(unbroken)) > 1


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_kernel_that_needs_a_gpu_is_refused_without_one(kernel: Attention) -> None:
    with pytest.raises(WorkerUnavailable, match=f"pipeline.attention is {kernel}, which cannot"):
        DiffusersVideoPipeline(attention=kernel)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    return installer(monkeypatch)


@pytest.mark.parametrize("kernel", KERNELS)
def test_another_kernel_runs_and_resumes_wherever_the_experts_lie(
    kernel: Attention, weights: Weights, install: Install
) -> None:
    calls: list[int] = []

    def computed(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return (in_8_bits if kernel.is_lossy else exact)(query, key, value)

    install(kernel, computed)
    on_a_gpu = [told for told, placement in PLACEMENTS.items() if not placement.is_on_cpu]
    shortcut, worn = FULLEST
    with closing(DiffusersVideoPipeline(torch.device("cpu"), attention=kernel)) as pipeline:
        for placed in on_a_gpu[KERNELS.index(kernel) :: len(KERNELS)]:
            asked = {**SHORTCUTS[shortcut], **LORAS[worn]}
            video = Video(pipeline, *weights[GGUF in placed], PLACEMENTS[placed], asked)
            calls.clear()
            unbroken, points = video.frames(None)
            resumed, _ = video.frames(points[MIDDLE])

            assert resumed == unbroken, placed
            assert len(calls) > 2, placed  # not the trial alone
            assert pipeline.ways() == {"attention": kernel.value}


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
