"""Where the tensors of LoRAs lie: with the expert that they change, and no longer than it.

The CPU stands for an accelerator. What is there is a copy in the type that the experts compute in.
"""

import gc
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from adapters.diffusers.video_pipeline import DiffusersVideoPipeline
from adapters.filesystem.checkpoint_catalog import read_checkpoint
from adapters.filesystem.lora_catalog import FilesystemLoraCatalog
from domain.checkpoint import checkpoint_spec
from domain.errors import RenderCancelled
from domain.local_checkpoint import LocalCheckpoint
from domain.lora import LoraDraft
from domain.placement import ALL_RESIDENT, Place, Placement
from domain.rendering import RenderProgress, StepFinished
from domain.run import Run
from tests.fakes.examples import a_request
from tests.fakes.resume_points import FakeResumePoints
from tests.integration.tiny_wans import make_checkpoint

pytestmark = pytest.mark.slow
#: Of the two files, which tell whose a matrix is.
HIGH, LOW = 3, 5
VISITING = replace(
    ALL_RESIDENT, experts=Place.VISITING, text_encoder=Place.VISITING, vae=Place.VISITING
)


@pytest.fixture
def catalog(tmp_path: Path) -> FilesystemLoraCatalog:
    for expert, rank in (("high", HIGH), ("low", LOW)):
        tensors = {
            "blocks.0.ffn.0.lora_down.weight": torch.ones(rank, 24, dtype=torch.float16),
            "blocks.0.ffn.0.lora_up.weight": torch.ones(32, rank, dtype=torch.float16),
        }
        save_file(tensors, tmp_path / f"turn_{expert}.safetensors")
    return FilesystemLoraCatalog(tmp_path)


@pytest.fixture
def pipeline() -> Iterator[DiffusersVideoPipeline]:
    with closing(DiffusersVideoPipeline(torch.device("cpu"))) as pipeline:
        yield pipeline


def ranks_there() -> set[int]:
    """Of the matrices that lie in bf16."""
    gc.collect()
    tensors = [it for it in gc.get_objects() if type(it) is torch.Tensor]
    return {
        it.shape[0]
        for it in tensors
        if it.dtype is torch.bfloat16 and tuple(it.shape) in {(HIGH, 24), (LOW, 24)}
    }


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> LocalCheckpoint:
    folder = make_checkpoint("t2v-A14B", tmp_path_factory.mktemp("models"))
    return read_checkpoint(checkpoint_spec("t2v-A14B"), folder)


@pytest.fixture
def run(checkpoint: LocalCheckpoint, catalog: FilesystemLoraCatalog) -> Run:
    lora = catalog.find("turn")
    use = LoraDraft(name="turn").complete(catalog.hashes(lora))
    request = a_request(
        checkpoint="t2v-A14B",
        width=32,
        height=32,
        num_frames=5,
        steps=4,
        flow_shift=5.0,
        loras=(use,),
    )
    return Run(request=request, checkpoint=checkpoint, loras=(lora,))


@pytest.mark.parametrize(
    ("placement", "at_the_end", "in_decoding"),
    [
        (ALL_RESIDENT, {HIGH, LOW}, {HIGH, LOW}),
        (VISITING, {LOW}, set()),
        (replace(VISITING, experts=Place.STREAMED), {LOW}, set()),
    ],
)
def test_what_changes_an_expert_is_there_for_as_long_as_it_is(
    placement: Placement,
    at_the_end: set[int],
    in_decoding: set[int],
    run: Run,
    pipeline: DiffusersVideoPipeline,
) -> None:
    # It came with the first forward and was never given back, whoever needed the room.
    steps: list[set[int]] = []

    def look(progress: RenderProgress) -> None:
        if isinstance(progress, StepFinished):
            steps.append(ranks_there())

    left: set[int] = set()
    for _ in range(2):
        chunks = pipeline.generate(replace(run, placement=placement), look, FakeResumePoints())
        first, *_rest = (ranks_there() for _ in chunks)

        assert (steps[0], steps[-1]) == ({HIGH} | left, at_the_end)
        assert first == in_decoding
        steps.clear()
        left = in_decoding


def test_what_a_run_left_that_was_ended_is_gone_before_the_next_reads_its_prompt(
    run: Run, pipeline: DiffusersVideoPipeline
) -> None:
    def end(progress: RenderProgress) -> None:
        if isinstance(progress, StepFinished):
            raise RenderCancelled

    seen: list[set[int]] = []
    run = replace(run, placement=VISITING)
    with pytest.raises(RenderCancelled):
        list(pipeline.generate(run, end, FakeResumePoints()))
    left = ranks_there()
    list(pipeline.generate(run, lambda _: seen.append(ranks_there()), FakeResumePoints()))

    assert (left, seen[0]) == ({HIGH}, set())
