"""Compiled blocks: where they are used, where not, and what is told of it.

`eager` traces the blocks and compiles nothing: what may be traced, and what becomes of it, is the same.
"""

import copy
from pathlib import Path

import pytest
import torch

import adapters.embedded
from adapters.diffusers import compiling
from adapters.diffusers.cast_blocks import cast_blocks, cast_for
from adapters.diffusers.compiling import compiled_blocks, is_compiled, why_not_compiled
from adapters.diffusers.run_state import _from_bytes
from adapters.diffusers.video_pipeline import DiffusersVideoPipeline
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from domain.compilation import Compilation
from domain.errors import RenderCancelled, WorkerUnavailable
from domain.rendering import Noticed, RenderProgress, StillRunning
from domain.run import Run
from domain.structure import Precision
from tests.fakes.examples import a_request
from tests.fakes.resume_points import FakeResumePoints
from tests.integration.runs import our_latents
from tests.integration.test_denoising import wanted
from tests.integration.tiny_wans import A14B, a_pipe

pytestmark = pytest.mark.slow
MINI = FilesystemCheckpointCatalog([Path(adapters.embedded.__path__[0])]).find("mini")
RUN = Run(request=a_request(width=32, height=32, num_frames=5, steps=2), checkpoint=MINI)


@pytest.fixture(autouse=True)
def _nothing_compiled() -> None:
    compiling.forget_programs()


def test_a_compiled_run_can_be_stopped_between_blocks_and_leaves_plain_ones() -> None:
    pipe, blocks = a_pipe(A14B), 0
    transformers = [pipe.transformer, pipe.transformer_2]
    plain = our_latents(pipe, wanted(steps=2))

    def stop_in_the_second_step(told: RenderProgress) -> None:
        nonlocal blocks
        blocks += isinstance(told, StillRunning)
        if blocks > 7:
            raise RenderCancelled

    with compiled_blocks(transformers, "eager"):
        assert is_compiled(pipe.transformer)
        with pytest.raises(RenderCancelled):
            our_latents(pipe, wanted(steps=2), report=stop_in_the_second_step)
        compiled = our_latents(pipe, wanted(steps=2))
        traced = torch._dynamo.utils.counters["stats"]["unique_graphs"]
        our_latents(pipe, wanted(steps=1, width=96, height=64, num_frames=13))

    assert torch.equal(compiled, plain)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == traced  # one for every size
    assert not is_compiled(pipe.transformer)
    assert torch.equal(our_latents(pipe, wanted(steps=2)), plain)


def test_blocks_with_hooks_are_left_plain_as_torch_would_not_see_them() -> None:
    pipe = a_pipe(A14B)
    layer = pipe.transformer_2.blocks[1].ffn.net[2]
    before = why_not_compiled([pipe.transformer, pipe.transformer_2])

    hook = layer.register_forward_hook(lambda _layer, _given, made: made * 2)
    try:
        reason = why_not_compiled([pipe.transformer, pipe.transformer_2])
    finally:
        hook.remove()

    assert before is None
    assert "not compiled in this run" in (reason or "")


@pytest.mark.parametrize(("precision", "is_left"), [(Precision.INT8, True), (Precision.FP8, False)])
def test_blocks_that_undo_their_weights_as_they_work_are_left_plain(
    precision: Precision, is_left: bool
) -> None:
    pipe = copy.deepcopy(a_pipe(A14B))
    cast = cast_for(precision, pipe.transformer_2.dtype, torch.device("cpu"))
    assert cast is not None
    cast_blocks(pipe.transformer_2.blocks, cast)

    reason = why_not_compiled([pipe.transformer, pipe.transformer_2])
    assert ("not compiled" in (reason or "")) is is_left


def made_by(pipeline: DiffusersVideoPipeline) -> tuple[object, list[RenderProgress]]:
    """What was saved as the way of computing, and all that was told."""
    heard, resume = list[RenderProgress](), FakeResumePoints()
    list(pipeline.generate(RUN, heard.append, resume))
    return _from_bytes(resume.points[2])[1].get("compile"), heard


def test_what_was_compiled_is_in_the_recipe_and_in_what_is_saved() -> None:
    pipeline = DiffusersVideoPipeline(compilation=Compilation.REGIONAL, compiler="eager")

    saved, _ = made_by(pipeline)
    recipe = pipeline.ways()
    loaded = pipeline._loaded
    assert loaded is not None
    hook = loaded.pipe.transformer.blocks[0].attn1.to_q.register_forward_hook(lambda *_: None)
    hooked, heard = made_by(pipeline)
    hook.remove()

    assert (saved, recipe) == ("regional", {"compile": "regional"})
    assert (hooked, pipeline.ways()) == (None, {})
    assert [told for told in heard if isinstance(told, Noticed)]
    assert made_by(DiffusersVideoPipeline())[0] is None


def test_the_run_that_compiles_says_so_and_the_next_does_not() -> None:
    pipeline = DiffusersVideoPipeline(compilation=Compilation.REGIONAL, compiler="eager")

    first, second = (notices(made_by(pipeline)[1]) for _ in range(2))
    pipeline.close()
    anew = notices(made_by(pipeline)[1])

    assert first == anew
    assert ["first step" in text for text in first] == [True]
    assert second == []


def notices(heard: list[RenderProgress]) -> list[str]:
    return [told.text for told in heard if isinstance(told, Noticed)]


def test_where_nothing_can_be_compiled_it_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(WorkerUnavailable, match="torch cannot compile here"):
        DiffusersVideoPipeline(compilation=Compilation.REGIONAL, compiler="no such compiler")
