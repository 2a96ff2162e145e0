"""What a checkpoint's files should be, byte for byte: `manifest.json` beside `model_index.json`.

{"checkpoint": …, "revision": …, "files": {"vae/config.json": {"bytes": …, "sha256": …}, …}}, and, by
where it came from, "repository", "adopted_from" or "converted_from"; "recast" names what was written anew here.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from domain.checkpoint_manifest import (
    HASHED_AT_SIGHT_BYTES,
    Fault,
    FileFault,
    Manifest,
    ManifestFile,
)
from domain.errors import CheckpointBroken
from domain.repository import ListedFile

NAME: Final = "manifest.json"

_CHUNK_BYTES: Final = 4 * 2**20


def check_manifest(folder: Path) -> Manifest | None:
    """Find every file that the manifest names there and of its size, and the smaller ones whole.

    Returns it; None where the folder has none, and promises nothing.

    Raises:
        CheckpointBroken: the manifest is damaged, or a file is missing or not what it should be.
    """
    manifest = read_manifest(folder)
    for file in manifest.files if manifest else ():
        path = folder / file.name
        if not path.is_file():
            raise CheckpointBroken(f"{folder} lacks {file.name}, which its manifest names.")
        if path.stat().st_size != file.size_bytes or not _is_whole(path, file):
            raise CheckpointBroken(
                f"{file.name} in {folder} is not the file its manifest names: it was changed or "
                "damaged. `wan models verify` says what is wrong and what helps."
            )
    return manifest


def _is_whole(path: Path, file: ManifestFile) -> bool:
    return file.size_bytes > HASHED_AT_SIGHT_BYTES or sha256_of(path) == file.sha256


def read_manifest(folder: Path) -> Manifest | None:
    """The folder's manifest; None where it has none.

    Raises:
        CheckpointBroken: it is damaged.
    """
    path = folder / NAME
    if not path.exists():
        return None
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return Manifest(
            checkpoint_id=str(told.get("checkpoint", folder.name)),
            revision=_text(told.get("revision")),
            repository=_text(told.get("repository")),
            adopted_from=_texts(told.get("adopted_from", ())),
            converted_from=_texts(told.get("converted_from", ())),
            recast=_texts(told.get("recast", ())),
            files=tuple(
                ManifestFile(name=name, size_bytes=file["bytes"], sha256=file["sha256"])
                for name, file in told["files"].items()
            ),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointBroken(f"{path} is damaged.") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the folder's manifest, not yet durably."""
    told: dict[str, Any] = {"checkpoint": manifest.checkpoint_id}
    for key in ("repository", "revision"):
        if (value := getattr(manifest, key)) is not None:
            told[key] = value
    for key in ("adopted_from", "converted_from", "recast"):
        if value := getattr(manifest, key):
            told[key] = list(value)
    told["files"] = {
        file.name: {"bytes": file.size_bytes, "sha256": file.sha256} for file in manifest.files
    }
    written = json.dumps(told, ensure_ascii=False, indent=2) + "\n"
    (folder / NAME).write_text(written, encoding="utf-8")


def find_fault(folder: Path, file: ListedFile, passed: Callable[[int], None]) -> FileFault | None:
    """What is wrong with that file below `folder`, every byte read; None where it is whole.

    Args:
        passed: told the bytes of each chunk that went by.
    """
    path = folder / file.name
    try:
        size = path.stat().st_size
        if size < file.size_bytes:
            detail = f"{size} of {file.size_bytes} bytes"
            return FileFault(name=file.name, fault=Fault.CUT_SHORT, detail=detail)
        if size > file.size_bytes:
            detail = f"by {size - file.size_bytes} bytes"
            return FileFault(name=file.name, fault=Fault.TOO_LONG, detail=detail)
        if not _is_content(path, file, passed):
            detail = "its size is right, its bytes are not"
            return FileFault(name=file.name, fault=Fault.CHANGED, detail=detail)
    except (FileNotFoundError, NotADirectoryError):
        return FileFault(name=file.name, fault=Fault.MISSING)
    except OSError as error:
        detail = error.strerror or str(error)
        return FileFault(name=file.name, fault=Fault.UNREADABLE, detail=detail)
    return None


def sha256_of(path: Path, passed: Callable[[int], None] = lambda _count: None) -> str:
    """The file's SHA-256, in hexadecimal digits."""
    return _hashed(path, hashlib.sha256(), passed)


def _is_content(path: Path, file: ListedFile, passed: Callable[[int], None]) -> bool:
    if file.sha256 is not None:
        return sha256_of(path, passed) == file.sha256
    blob = hashlib.sha1(f"blob {file.size_bytes}\0".encode(), usedforsecurity=False)
    return _hashed(path, blob, passed) == file.git_sha1


def _hashed(path: Path, digest: "hashlib._Hash", passed: Callable[[int], None]) -> str:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            passed(len(chunk))
    return digest.hexdigest()


def _texts(value: str | list[object]) -> tuple[str, ...]:
    """One, as earlier versions wrote a folder, or several."""
    return (value,) if isinstance(value, str) else tuple(str(name) for name in value)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
