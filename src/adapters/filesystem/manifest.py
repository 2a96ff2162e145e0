"""What a checkpoint's files should be, byte for byte: `manifest.json` beside `model_index.json`.

{"checkpoint": …, "revision": …, "files": {"vae/config.json": {"bytes": …, "sha256": …}, …}}
"""

import hashlib
import json
from pathlib import Path
from typing import Final

from domain.errors import CheckpointBroken

NAME: Final = "manifest.json"


class ManifestCheck:
    """Compares folders with their manifests, reading a file again only when it was touched."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[int, int, str]] = {}

    def check(self, folder: Path) -> None:
        """Find every named file whole; a folder without a manifest promises nothing.

        Raises:
            CheckpointBroken: the manifest is damaged, or a file is missing or not what it should be.
        """
        if not (folder / NAME).exists():
            return
        for name, size, sha256 in _entries(folder / NAME):
            path = folder / name
            if not path.is_file():
                raise CheckpointBroken(f"{folder} lacks {name}, which its manifest names.")
            if path.stat().st_size != size or self._sha256(path) != sha256:
                raise CheckpointBroken(
                    f"{name} in {folder} is not the file its manifest names: it was changed or "
                    "damaged. Install the checkpoint again."
                )

    def _sha256(self, path: Path) -> str:
        told = path.stat()
        known = self._known.get(path)
        if known is None or known[:2] != (told.st_mtime_ns, told.st_size):
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            known = self._known[path] = (told.st_mtime_ns, told.st_size, digest)
        return known[2]


def _entries(path: Path) -> list[tuple[str, int, str]]:
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
        return [(name, told["bytes"], told["sha256"]) for name, told in files.items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointBroken(f"{path} is damaged.") from error
