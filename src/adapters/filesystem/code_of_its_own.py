"""What in a checkpoint's folder could run something: pickles, code, and classes that nobody here knows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from adapters.filesystem.json_file import is_declared, read_json
from domain.errors import UnsafeWeights

#: Pickles: loading one runs whatever it says.
_PICKLED: Final = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".npz"})
_LIBRARIES: Final = frozenset({"diffusers", "transformers"})
_TRANSFORMERS: Final = frozenset(
    {"WanTransformer3DModel", "WanVACETransformer3DModel", "WanAnimateTransformer3DModel"}
)
#: What the parts with weights are; of the others, each library has several that fit.
_CLASSES: Final[Mapping[str, frozenset[str]]] = {
    "transformer": _TRANSFORMERS,
    "transformer_2": _TRANSFORMERS,
    "vae": frozenset({"AutoencoderKLWan"}),
    "text_encoder": frozenset({"UMT5EncoderModel"}),
    "image_encoder": frozenset({"CLIPVisionModel", "CLIPVisionModelWithProjection"}),
}


def refuse_pickles(folder: Path) -> None:
    """Do nothing where no file of that folder is pickled.

    Raises:
        UnsafeWeights: one is; the message names it.
    """
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _PICKLED:
            raise UnsafeWeights(
                f"{path} is pickled: loading it could run anything. "
                "Convert it to safetensors, then remove it."
            )


def refuse_remote_code(folder: Path, index: Mapping[str, object]) -> None:
    """Do nothing where the folder holds no code, and asks for none.

    Args:
        index: its `model_index.json`.

    Raises:
        UnsafeWeights: it does; the message says where.
    """
    for path in sorted(folder.rglob("*.py")):
        raise UnsafeWeights(f"{path} is code; a checkpoint holds weights and JSON only.")
    for config in sorted(folder.glob("*/*config.json")):
        if "auto_map" in read_json(config):
            raise UnsafeWeights(f"{config} asks for code of its own (auto_map).")
    for name, told in index.items():
        if is_declared(index, name) and not _is_known(name, told):
            raise UnsafeWeights(
                f"{folder / 'model_index.json'} asks for {told} as {name}, which is none of the libraries' own "
                "that a Wan is built of."
            )


def _is_known(name: str, told: object) -> bool:
    if not isinstance(told, list) or len(told) != 2:
        return False
    library, kind = told
    return library in _LIBRARIES and (name not in _CLASSES or kind in _CLASSES[name])
