"""TI2V-5B from text alone: one embedding of the timestep for all tokens, to the bit what stock computes.

The stock pipeline gives every token its timestep, even where all have the same, and the blocks then work
with (tokens, 6, width) numbers of which all rows say one thing: more than half of a forward's memory. One
scalar timestep would not do: a single row is multiplied in another order than many, and a few numbers in
a thousand differ, in bf16, too. So all rows are computed as stock does, and one is kept if they agree.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import torch

#: What `WanTimeTextImageEmbedding` gives: for the output (1, tokens, width), for the blocks
#: (1, tokens, 6 * width), and of the text and of an image.
_Embedded: TypeAlias = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]


@contextmanager
def one_timestep_for_all(transformers: Iterable[torch.nn.Module]) -> Iterator[None]:
    """Within it, `transformers` are given the same timestep for every token."""
    hooks = [
        transformer.get_submodule("condition_embedder").register_forward_hook(_keep_one)
        for transformer in transformers
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _keep_one(_embedder: torch.nn.Module, _given: object, made: _Embedded) -> _Embedded:
    time, blocks, text, image = made
    if not _is_one_row(time).logical_and(_is_one_row(blocks)):  # waits for the GPU, once
        return made  # rows at the edge of a matrix may be multiplied in an order of their own
    return time[:, :1].clone(), blocks[:, :1].clone(), text, image


def _is_one_row(rows: torch.Tensor) -> torch.Tensor:
    return (rows == rows[:, :1]).all()
