"""Weights recognised by what their headers and configuration say."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from adapters.filesystem.json_file import is_declared, read_json
from adapters.filesystem.safetensors_header import read_header
from domain.errors import CheckpointBroken
from domain.found_weights import Branch, FoundFolder, TransformerForm
from domain.ports import weight_reader
from domain.repository import is_taken

_BLOCK: Final = re.compile(r"blocks\.(\d+)\.")
_CLASSES: Final[Mapping[object, frozenset[Branch]]] = {
    "WanTransformer3DModel": frozenset(),
    "WanVACETransformer3DModel": frozenset({Branch.VACE}),
    "WanAnimateTransformer3DModel": frozenset({Branch.MOTION}),
}


class FilesystemWeightReader(weight_reader.WeightReader):
    """Looks at the files themselves, wherever they lie."""

    def read_folder(self, folder: Path) -> FoundFolder:
        index = read_json(folder / "model_index.json")
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
