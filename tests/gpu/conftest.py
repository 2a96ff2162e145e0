"""A mid-size Wan with random weights on the first CUDA device; without one, everything here is skipped."""

from dataclasses import replace

import pytest
import torch

from benchmarks.on_gpu.bench import Bench, Case, Scale, scale
from benchmarks.on_gpu.random_wan import RandomWan, full_size
from domain.structure import TextEncoderStructure

#: A quarter of A14B's width and four of its layers; the VAE is the real one.
CASE = Case("t2v-A14B", 480, 320, 33)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/gpu" in item.path.as_posix():
            item.add_marker(pytest.mark.gpu)
            if not torch.cuda.is_available():
                item.add_marker(pytest.mark.skip(reason="there is no CUDA device"))


def middling() -> RandomWan:
    """Of 0.1 G numbers in each expert."""
    whole = full_size("t2v-A14B")
    structure = replace(
        whole.structure,
        transformer=replace(
            whole.structure.transformer, layers=4, heads=10, ffn_width=3456, text_width=512
        ),
        text_encoder=TextEncoderStructure(
            layers=4, width=512, heads=8, head_width=64, ffn_width=1024, vocabulary=256_384
        ),
    )
    return replace(whole, checkpoint=replace(whole.checkpoint, structure=structure))


@pytest.fixture(scope="session")
def bench() -> Bench:
    wan = middling()
    mid: Scale = replace(scale("tiny"), wans={CASE.checkpoint: wan}, small=CASE)
    return Bench(mid)
