"""What a transformer makes of the text alone, made once a run instead of in every forward: the same bits.

The text embedder, and each block's keys and values for cross-attention, take nothing but the prompt. A
miniature's videos have fewer tokens than the text, and without it a whole video takes some 5 % more CPU
time. For the checkpoints of full size it is less than a hundredth of the multiplications, and would be
held in hundreds of MB: not there.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import torch

from adapters.diffusers.compiling import is_compiled
from adapters.diffusers.prompts import MAX_TOKENS

#: Bytes that one transformer's may take: the miniatures need 10 MiB, T2V-1.3B would 270.
MAX_BYTES: Final = 64 * 2**20
#: A prompt's and a negative prompt's.
_REMEMBERED: Final = 2
#: Tensors of a block that are remembered: keys, keys normalised, values.
_PER_BLOCK: Final = 3


@contextmanager
def remembered_text(transformers: Iterable[Any]) -> Iterator[None]:
    """Within it, layers of `transformers` that only see the text do not repeat themselves."""
    with ExitStack() as stack:
        for transformer in transformers:
            if _bytes_needed(transformer) <= MAX_BYTES and not is_compiled(transformer):
                for layer in _layers_of_text(transformer):
                    stack.enter_context(_remembering(layer))
        yield


def _bytes_needed(transformer: Any) -> int:
    config = transformer.config
    width = config.num_attention_heads * config.attention_head_dim
    tensors = config.num_layers * _PER_BLOCK * _REMEMBERED
    return int(tensors * MAX_TOKENS * width * transformer.dtype.itemsize)


def _layers_of_text(transformer: Any) -> Iterator[Any]:
    yield transformer.condition_embedder.text_embedder
    for block in transformer.blocks:
        yield from (block.attn2.to_k, block.attn2.to_v, block.attn2.norm_k)


@contextmanager
def _remembering(layer: Any) -> Iterator[None]:
    """Give what `layer` gave before for the very same tensor; nobody changes one in place."""
    forward: Callable[[torch.Tensor], torch.Tensor] = layer.forward
    known: list[tuple[torch.Tensor, torch.Tensor]] = []

    def remember(given: torch.Tensor) -> torch.Tensor:
        for before, made in known:
            if before is given:
                return made
        made = forward(given)
        known.append((given, made))
        del known[:-_REMEMBERED]
        return made

    had = vars(layer).get("forward")  # diffusers' hooks put theirs there
    layer.forward = remember
    try:
        yield
    finally:
        if had is None:
            del layer.forward
        else:
            layer.forward = had
