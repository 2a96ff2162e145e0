"""A Wan transformer outside of diffusers' layout, recognised by the headers of its files.

Source of the names: Wan2.2 `wan/modules/model.py`; ComfyUI's files and GGUF files have the same, some of
them with a prefix.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from adapters.filesystem.gguf_header import is_gguf, read_gguf_header
from adapters.filesystem.safetensors_header import read_header
from adapters.filesystem.weights_header import StoredTensor
from domain.errors import CheckpointBroken, UnsafeWeights
from domain.found_weights import (
    COMFYUI_PREFIX,
    Branch,
    Expert,
    FoundTensor,
    FoundTransformer,
    Naming,
    Precision,
    TransformerForm,
    is_weight,
    scale_names,
)
from domain.store_errors import WeightsUnrecognised

_BLOCK: Final = re.compile(r"blocks\.(\d+)\.")
#: No letters around it: `shigh.safetensors` says nothing.
_EXPERT: Final = re.compile(
    r"(?<![a-z])(high|low)(?![a-z])|(?<![a-z])(high|low)_?noise", re.IGNORECASE
)
_PICKLED: Final = frozenset({".pt", ".pth", ".bin", ".ckpt"})
_FP8: Final = frozenset({"F8_E4M3", "F8_E5M2"})
_PRECISIONS: Final = {"F32": Precision.FP32, "F16": Precision.FP16, "BF16": Precision.BF16}
_GOES_WITH: Final = (
    "What goes with the transformers comes from a diffusers folder, which --with names."
)
#: What a file may be instead, and what is done with such ones.
_OTHERS: Final = {
    (
        "a LoRA",
        "Put it into the folder loras of the data directory: wan loras lists what lies there.",
    ): re.compile(r"\.lora_|\.lora\.|lora_(up|down|A|B)\."),
    ("a VAE", _GOES_WITH): re.compile(
        r"^(first_stage_model\.)?(decoder|encoder)\.(middle|mid_block|conv1|downsamples)"
    ),
    ("a text encoder", _GOES_WITH): re.compile(
        r"SelfAttention|^token_embedding\.|^blocks\.0\.attn\.q\."
    ),
}


def read_transformer(path: Path) -> FoundTransformer:
    """See `WeightReader.read_transformer`."""
    files = _files(path)
    if is_gguf(files[0]):
        return _read_gguf(files[0])
    tensors: dict[str, FoundTensor] = {}
    metadata: dict[str, str] = {}
    for file in files:
        header = read_header(file)
        tensors |= {name: found_tensor(file, stored) for name, stored in header.entries.items()}
        metadata |= header.metadata
    plain = {name.removeprefix(COMFYUI_PREFIX): tensor for name, tensor in tensors.items()}
    _refuse_others(path, plain)
    return FoundTransformer(
        path=path,
        tensors=tensors,
        form=_form(path, plain),
        naming=_naming(tensors),
        precision=_precision(path, plain, metadata),
        expert=_expert(path),
    )


def _read_gguf(path: Path) -> FoundTransformer:
    header = read_gguf_header(path)
    tensors = {name: found_tensor(path, stored) for name, stored in header.entries.items()}
    plain = {name.removeprefix(COMFYUI_PREFIX): tensor for name, tensor in tensors.items()}
    _refuse_others(path, plain)
    return FoundTransformer(
        path=path,
        tensors=tensors,
        form=_form(path, plain),
        naming=_naming(tensors),
        precision=Precision.GGUF,
        expert=_agreed(path, header.metadata.get("general.name", "")),
        types=tuple(kind for kind, _ in Counter(header.bytes_by_dtype).most_common()),
    )


def _agreed(path: Path, name: str) -> Expert | None:
    """What the path says, or the name that the file gives itself."""
    by_path, by_header = _expert(path), _said(name)
    if by_path and by_header and by_path is not by_header:
        raise WeightsUnrecognised(
            f"{path} is called after the {by_path} expert, and calls itself {name!r}: one of the two is "
            "wrong."
        )
    return by_path or by_header


def found_tensor(file: Path, stored: StoredTensor) -> FoundTensor:
    """Where that tensor of `file` lies."""
    return FoundTensor(
        file=file,
        start=stored.start,
        size_bytes=stored.end - stored.start,
        dtype=stored.dtype,
        shape=stored.shape,
    )


def _files(path: Path) -> tuple[Path, ...]:
    files = tuple(sorted(path.glob("*.safetensors"))) if path.is_dir() else (path,)
    if not files and any(path.glob("*.gguf")):
        raise WeightsUnrecognised(
            f"{path} holds GGUF files: name the one, or both, that are meant."
        )
    if not files:
        raise WeightsUnrecognised(f"{path} holds no safetensors file.")
    for file in files:
        if file.suffix.lower() in _PICKLED:
            raise UnsafeWeights(
                f"{file} is pickled: loading it could run anything. Take the safetensors of the same weights."
            )
        if file.suffix.lower() == ".gguf" and not is_gguf(file):
            raise CheckpointBroken(f"{file} is no GGUF file, although it is called one.")
    return files


def _refuse_others(path: Path, tensors: Mapping[str, FoundTensor]) -> None:
    if "patch_embedding.weight" in tensors and not any(".lora" in name for name in tensors):
        return
    for (what, instead), pattern in _OTHERS.items():
        if any(pattern.search(name) for name in tensors):
            raise WeightsUnrecognised(f"{path} is {what}, not a transformer. {instead}")
    raise WeightsUnrecognised(f"{path} is no transformer of Wan: it has no patch_embedding.")


def _form(path: Path, tensors: Mapping[str, FoundTensor]) -> TransformerForm:
    patches = tensors["patch_embedding.weight"].shape
    head = tensors.get("head.head.weight") or tensors.get("proj_out.weight")
    if len(patches) != 5 or head is None:
        raise WeightsUnrecognised(
            f"{path} is no transformer of Wan: its ends are not of that form."
        )
    dim, in_channels, *patch = patches
    blocks = {int(match[1]) for name in tensors if (match := _BLOCK.match(name))}
    if blocks != set(range(len(blocks))):
        missing = min(set(range(max(blocks))) - blocks)
        raise CheckpointBroken(
            f"{path} lacks block {missing} of {max(blocks) + 1}: a shard is missing."
        )
    return TransformerForm(
        in_channels=in_channels,
        out_channels=head.shape[0] // (patch[0] * patch[1] * patch[2]),
        dim=dim,
        blocks=len(blocks),
        branches=frozenset(_branches(tensors)),
    )


def _branches(tensors: Mapping[str, FoundTensor]) -> set[Branch]:
    signs = {
        Branch.IMAGE: ("img_emb.", "condition_embedder.image_embedder."),
        Branch.VACE: ("vace_blocks.",),
        Branch.MOTION: ("motion_encoder.",),
    }
    return {
        branch for branch, sign in signs.items() if any(name.startswith(sign) for name in tensors)
    }


def _naming(tensors: Mapping[str, FoundTensor]) -> Naming:
    if any(name.startswith(COMFYUI_PREFIX) for name in tensors):
        return Naming.COMFYUI
    if any(name.startswith("condition_embedder.") for name in tensors):
        return Naming.DIFFUSERS
    return Naming.OFFICIAL


def _precision(
    path: Path, tensors: Mapping[str, FoundTensor], metadata: Mapping[str, str]
) -> Precision:
    """What most of its bytes are. A file of scaled fp8 must have every scale."""
    weights = {name: tensor for name, tensor in tensors.items() if is_weight(name)}
    strange = {tensor.dtype for tensor in weights.values()} - _FP8 - _PRECISIONS.keys()
    if strange:
        raise WeightsUnrecognised(
            f"{path} holds {', '.join(sorted(strange))} numbers: quantised in a way that cannot be "
            "converted. Take the same weights in bf16 or scaled fp8."
        )
    fp8 = [name for name, tensor in weights.items() if tensor.dtype in _FP8]
    if fp8:
        is_scaled = len(weights) != len(tensors) or "_quantization_metadata" in metadata
        if is_scaled:
            _refuse_missing_scales(path, fp8, tensors)
        return Precision.FP8_SCALED if is_scaled else Precision.FP8
    largest = max(weights.values(), key=lambda tensor: tensor.size_bytes)
    return _PRECISIONS[largest.dtype]


def _refuse_missing_scales(
    path: Path, names: Sequence[str], tensors: Mapping[str, FoundTensor]
) -> None:
    bare = [name for name in names if not any(scale in tensors for scale in scale_names(name))]
    if bare:
        raise CheckpointBroken(
            f"{path} is scaled fp8, and {len(bare)} of its {len(names)} fp8 tensors have no scale, "
            f"{bare[0]} among them: without it, their numbers mean nothing."
        )


def _expert(path: Path) -> Expert | None:
    return _said(f"{path.parent.name}/{path.name}")


def _said(name: str) -> Expert | None:
    said = {(match[1] or match[2]).lower() for match in _EXPERT.finditer(name)}
    if said == {"high"}:
        return Expert.HIGH_NOISE
    return Expert.LOW_NOISE if said == {"low"} else None
