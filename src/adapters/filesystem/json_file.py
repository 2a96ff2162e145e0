"""The JSON files of a checkpoint."""

import json
from collections.abc import Mapping
from pathlib import Path

from domain.errors import CheckpointBroken


def read_json(path: Path) -> dict[str, object]:
    """The object in the file.

    Raises:
        CheckpointBroken: it is missing, cannot be read, or is something else.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointBroken(_missing(path)) from error
    except (OSError, ValueError) as error:
        raise CheckpointBroken(f"{path} cannot be read: {error}.") from error
    if not isinstance(told, dict):
        raise CheckpointBroken(f"{path} is not a JSON object.")
    return told


def read_index(folder: Path) -> dict[str, object]:
    """What `model_index.json` says of a checkpoint's parts.

    Raises:
        CheckpointBroken: there is none, or none that can be read.
    """
    path = folder / "model_index.json"
    if not path.exists() and not path.is_symlink():
        raise CheckpointBroken(
            f"{path} is missing: the folder of a checkpoint in diffusers' layout has it."
        )
    return read_json(path)


def _missing(path: Path) -> str:
    if path.is_symlink():
        return f"{path} is a link to {path.readlink()}, which is gone."
    return f"{path} is missing."


def is_declared(index: Mapping[str, object], name: str) -> bool:
    """Whether `model_index.json` names that part; it writes an absent one as `[null, null]`."""
    told = index.get(name)
    return isinstance(told, list) and any(told)
