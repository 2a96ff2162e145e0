"""The matrices of a transformer's blocks, kept in fewer bits: which layer stands for which precision."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import torch

from adapters.diffusers.fp8_weights import Fp8Linear, choose_product
from adapters.diffusers.int8_weights import Int8Linear
from domain.structure import Precision

#: A plain layer to one that keeps its weights otherwise.
Cast: TypeAlias = Callable[[torch.nn.Linear], torch.nn.Linear]


def cast_for(
    precision: Precision,
    dtype: torch.dtype,
    device: torch.device,
    *,
    home: torch.device | None = None,
) -> Cast | None:
    """How layers that work on `device`, with sums in `dtype`, come to be kept so; None where they stay plain.

    Args:
        home: where their weights are to lie; None for where the plain ones do.

    Raises:
        PrecisionUnusable: `device` cannot compute so.
    """
    match precision:
        case Precision.INT8:
            return partial(Int8Linear, device=device, home=home)
        case Precision.FP8:
            product = choose_product(dtype, device)
            return partial(Fp8Linear, device=device, product=product, home=home)
        case _:
            return None


def cast_blocks(blocks: Any, cast: Cast) -> None:
    """Replace the plain linear layers in them, one after the other."""
    names = [name for name, layer in blocks.named_modules() if type(layer) is torch.nn.Linear]
    for name in names:
        blocks.set_submodule(name, cast(blocks.get_submodule(name)))
