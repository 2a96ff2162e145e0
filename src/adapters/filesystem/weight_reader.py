"""Weights recognised by what their headers and configuration say."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from adapters.filesystem.code_of_its_own import refuse_pickles
from adapters.filesystem.json_file import is_declared, read_index, read_json
from adapters.filesystem.safetensors_header import read_header
from adapters.filesystem.transformer_file import found_tensor, read_transformer
from domain.errors import CheckpointBroken
from domain.found_weights import (
    Branch,
    FoundFolder,
    FoundPart,
    FoundParts,
    FoundTransformer,
    TransformerForm,
)
from domain.ports import weight_reader
from domain.repository import is_taken
from domain.store_errors import WeightsUnrecognised

_PARTS: Final = ("scheduler", "text_encoder", "tokenizer", "vae")
_BLOCK: Final = re.compile(r"blocks\.(\d+)\.")
_CLASSES: Final[Mapping[object, frozenset[Branch]]] = {
    "WanTransformer3DModel": frozenset(),
    "WanVACETransformer3DModel": frozenset({Branch.VACE}),
    "WanAnimateTransformer3DModel": frozenset({Branch.MOTION}),
}


class FilesystemWeightReader(weight_reader.WeightReader):
    """Looks at the files themselves, wherever they lie."""

    def read_folder(self, folder: Path) -> FoundFolder:
        if any(path for kind in ("*.safetensors", "*.gguf") for path in folder.glob(kind)):
            raise WeightsUnrecognised(
                f"{read_transformer(folder)} cannot be used where it lies: convert it once, with "
                "wan models convert."
            )
        index = read_index(folder)
        transformers = [
            name for name in ("transformer", "transformer_2") if is_declared(index, name)
        ]
        forms = [_form(folder / name) for name in transformers]
        if any(form != forms[0] for form in forms):
            raise CheckpointBroken(
                f"The two transformers in {folder} are of different forms: {forms[0]}; {forms[1]}."
            )
        return FoundFolder(
            folder=folder,
            files=_files(folder),
            form=forms[0] if forms else None,
            experts=len(forms),
            latent_channels=_latent_channels(folder) if is_declared(index, "vae") else None,
        )

    def read_parts(self, folder: Path) -> FoundParts:
        index = read_index(folder)
        for name in _PARTS:
            if not is_declared(index, name) or not (folder / name).is_dir():
                raise CheckpointBroken(f"{folder} has no {name}.")
        files = tuple(name for name in _files(folder) if name.partition("/")[0] in _PARTS)
        return FoundParts(folder=folder, files=files, latent_channels=_latent_channels(folder))

    def read_part(self, folder: Path, name: str) -> FoundPart:
        weights = sorted((folder / name).glob("*.safetensors"))
        if not weights:
            raise CheckpointBroken(f"{folder / name} holds no safetensors file.")
        lists = sorted((folder / name).glob("*.safetensors.index.json"))
        return FoundPart(
            name=name,
            tensors={
                tensor: found_tensor(path, stored)
                for path in weights
                for tensor, stored in read_header(path).entries.items()
            },
            files=tuple(path.relative_to(folder).as_posix() for path in (*weights, *lists)),
        )

    def read_transformer(self, path: Path) -> FoundTransformer:
        return read_transformer(path)


def _files(folder: Path) -> tuple[str, ...]:
    paths = (path for path in folder.glob("*") if path.is_file())
    below = (path for path in folder.glob("*/*") if path.is_file())
    names = sorted(path.relative_to(folder).as_posix() for path in (*paths, *below))
    return tuple(name for name in names if is_taken(name))


def _form(folder: Path) -> TransformerForm:
    """By its configuration, which its weights must not contradict."""
    config = read_json(folder / "config.json")
    kind = config.get("_class_name")
    if kind not in _CLASSES:
        raise CheckpointBroken(f"{folder} holds a {kind}, which is no transformer of Wan.")
    try:
        branches = _CLASSES[kind] | ({Branch.IMAGE} if config.get("image_dim") else frozenset())
        form = TransformerForm(
            in_channels=_number(config, "in_channels"),
            out_channels=_number(config, "out_channels"),
            dim=_number(config, "num_attention_heads") * _number(config, "attention_head_dim"),
            blocks=_number(config, "num_layers"),
            branches=branches,
        )
    except ValueError as error:
        raise CheckpointBroken(f"{folder / 'config.json'} {error}.") from error
    _refuse_contradiction(folder, form)
    return form


def _refuse_contradiction(folder: Path, form: TransformerForm) -> None:
    shapes = {
        name: tensor.shape
        for path in sorted(folder.glob("*.safetensors"))
        for name, tensor in read_header(path).entries.items()
    }
    patches = shapes.get("patch_embedding.weight")
    if not shapes:
        refuse_pickles(folder)
    if patches is None:
        raise CheckpointBroken(f"{folder} holds no weights of a Wan transformer.")
    if patches[:2] != (form.dim, form.in_channels):
        raise CheckpointBroken(
            f"The weights in {folder} read {patches[1]} channels into {patches[0]}; its config.json "
            f"says {form.in_channels} into {form.dim}."
        )
    blocks = len({match[1] for name in shapes if (match := _BLOCK.match(name))})
    if blocks != form.blocks:
        raise CheckpointBroken(
            f"The weights in {folder} have {blocks} blocks; its config.json says {form.blocks}."
        )


def _latent_channels(folder: Path) -> int:
    try:
        return _number(read_json(folder / "vae" / "config.json"), "z_dim")
    except ValueError as error:
        raise CheckpointBroken(f"{folder / 'vae' / 'config.json'} {error}.") from error


def _number(config: Mapping[str, object], key: str) -> int:
    value = config.get(key)
    if not isinstance(value, int):
        raise ValueError(f"has no whole number as {key}")  # noqa: TRY004 - it is the file's value
    return value
