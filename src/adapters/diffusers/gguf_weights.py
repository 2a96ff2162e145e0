"""A transformer in a GGUF file to a model whose layers undo their own weights whenever they work.

The layers are diffusers' own (`GGUFLinear`). The file is mapped, not read: diffusers would copy it all.
"""

from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np
import torch
from diffusers import GGUFQuantizationConfig, WanTransformer3DModel
from diffusers.quantizers.gguf.utils import GGUFParameter

from domain.found_weights import COMFYUI_PREFIX
from domain.quantised_weights import stays_quantised

_SHAPE: Final = "comfy.gguf.orig_shape."
_BF16: Final = gguf.GGMLQuantizationType.BF16
_NATIVE: Final = frozenset({gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16})


def gguf_file(folder: Path) -> Path | None:
    """The GGUF file among a transformer's files; None where its weights are safetensors."""
    return next(iter(sorted(folder.glob("*.gguf"))), None)


def load_gguf(file: Path, config: Path, dtype: torch.dtype) -> Any:
    """The model in `file`.

    Args:
        config: the folder of its `config.json`.
        dtype: what sums are made in, and what is kept of all that is not quantised.

    Raises:
        ValueError: it is of another form than its configuration says.
    """
    tensors = _tensors(file)
    model = WanTransformer3DModel.from_single_file(
        tensors,
        config=str(config),
        dtype=dtype,
        quantization_config=GGUFQuantizationConfig(compute_dtype=dtype),
        local_files_only=True,
    )
    model.requires_grad_(requires_grad=False)
    return model


def _tensors(file: Path) -> dict[str, torch.Tensor]:
    """By name, without a prefix: as it lies there what stays quantised, the rest as plain numbers."""
    # Mapped so that writing to it would change a copy: torch warns of what cannot be written to.
    reader = gguf.GGUFReader(file, "c")
    return {
        tensor.name.removeprefix(COMFYUI_PREFIX): _tensor(reader, tensor)
        for tensor in reader.tensors
    }


def _tensor(reader: gguf.GGUFReader, tensor: gguf.ReaderTensor) -> torch.Tensor:
    kind, name = tensor.tensor_type, tensor.name.removeprefix(COMFYUI_PREFIX)
    field = reader.get_field(_SHAPE + tensor.name)
    shape = [int(length) for length in (field.contents() if field else reversed(tensor.shape))]
    if stays_quantised(name, len(shape), kind.name):
        quantised: torch.Tensor = GGUFParameter(torch.from_numpy(tensor.data), quant_type=kind)
        return quantised
    if kind == _BF16:
        return torch.from_numpy(tensor.data).view(torch.bfloat16).reshape(shape)
    if kind in _NATIVE:
        return torch.from_numpy(tensor.data).reshape(shape)
    return torch.from_numpy(
        np.ascontiguousarray(gguf.quants.dequantize(tensor.data, kind))
    ).reshape(shape)
