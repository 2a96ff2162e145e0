"""Transformers of Wan in GGUF files, as city96's tools write them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import gguf
import numpy as np
import torch

from tests.integration.networks import Weights, in_official_naming

Kind = gguf.GGMLQuantizationType

#: Blocks of these cannot be made by the library: theirs are random bytes.
_RANDOM: Final = frozenset(
    {Kind.Q2_K, Kind.Q3_K, Kind.Q4_K, Kind.Q5_K, Kind.Q6_K, Kind.IQ4_NL, Kind.IQ4_XS}
)
#: Where in such a block the halves lie that all else is multiplied by.
_SCALES: Final[Mapping[Kind, tuple[int, ...]]] = {
    Kind.Q2_K: (80, 82),
    Kind.Q3_K: (108,),
    Kind.Q4_K: (0, 2),
    Kind.Q5_K: (0, 2),
    Kind.Q6_K: (208,),
    Kind.IQ4_NL: (0,),
    Kind.IQ4_XS: (0,),
}


def quantised(tensor: torch.Tensor, kind: Kind) -> np.ndarray:
    """The tensor in blocks of that kind, or as many random ones."""
    if kind not in _RANDOM:
        return gguf.quants.quantize(tensor.float().numpy(), kind)
    length, size = gguf.GGML_QUANT_SIZES[kind]
    rows, columns = tensor.shape
    chance = np.random.default_rng(tensor.numel())
    blocks = chance.integers(0, 256, (rows, columns // length, size), np.uint8)
    for at in _SCALES[kind]:
        blocks[..., at : at + 2] = np.frombuffer(np.float16(0.0005).tobytes(), np.uint8)
    return blocks.reshape(rows, -1)


def undone(tensor: torch.Tensor, kind: Kind) -> torch.Tensor:
    """What `quantised` leaves of the numbers, by the library's own arithmetic."""
    return torch.from_numpy(gguf.quants.dequantize(quantised(tensor, kind), kind).copy())


def _fits(tensor: torch.Tensor, kind: Kind) -> bool:
    """Whether its rows are whole blocks: a file keeps the others as they are."""
    return tensor.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] == 0


def is_matrix(name: str, tensor: torch.Tensor) -> bool:
    return tensor.ndim == 2 and name.endswith(".weight")


def write_gguf(
    path: Path,
    weights: Weights,
    kind: Kind = Kind.Q8_0,
    *,
    naming: Callable[[Weights], Weights] = in_official_naming,
    others: Kind = Kind.F32,
    name: str | None = None,
    folds: bool = False,
) -> Path:
    """A file of these weights, the matrices in `kind`, all else in `others`.

    Args:
        name: what it calls itself.
        folds: whether what has more than four lengths is folded, and its shape noted.
    """
    writer = gguf.GGUFWriter(path, arch="wan")
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    if name is not None:
        writer.add_name(name)
    for called, tensor in naming(weights).items():
        if folds and tensor.ndim > 4:
            writer.add_array(f"comfy.gguf.orig_shape.{called}", list(tensor.shape))
            tensor = tensor.reshape(-1, *tensor.shape[2:])
        own = kind if is_matrix(called, tensor) and _fits(tensor, kind) else others
        writer.add_tensor(called, quantised(tensor, own), raw_dtype=own)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
