"""What a checkpoint's files should be, byte for byte: `manifest.json` beside `model_index.json`.

{"checkpoint": …, "revision": …, "files": {"vae/config.json": {"bytes": …, "sha256": …}, …}}
"""

import hashlib
import json
from pathlib import Path
from typing import Final

from domain.errors import CheckpointBroken

NAME: Final = "manifest.json"


def check_manifest(folder: Path) -> None:
    """Find every named file whole, by reading it; a folder without a manifest promises nothing.

    Raises:
        CheckpointBroken: the manifest is damaged, or a file is missing or not what it should be.
    """
    if not (folder / NAME).exists():
        return
    for name, size, sha256 in _entries(folder / NAME):
        path = folder / name
        if not path.is_file():
            raise CheckpointBroken(f"{folder} lacks {name}, which its manifest names.")
        if path.stat().st_size != size or _sha256(path) != sha256:
            raise CheckpointBroken(
                f"{name} in {folder} is not the file its manifest names: it was changed or "
                "damaged. Install the checkpoint again."
            )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _entries(path: Path) -> list[tuple[str, int, str]]:
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
        return [(name, told["bytes"], told["sha256"]) for name, told in files.items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointBroken(f"{path} is damaged.") from error
