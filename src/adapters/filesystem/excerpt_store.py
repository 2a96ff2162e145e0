"""Excerpts as files, three for each video, named by its hash. The folder may be emptied at any time."""

import secrets
from pathlib import Path
from typing import Final

from adapters.filesystem.durability import storage_errors
from adapters.filesystem.file_names import is_plain
from domain.excerpts import Excerpts
from domain.ports import excerpt_store

_THUMBNAIL: Final = "thumbnail.webp"
_SHEET: Final = "spritesheet.webp"
#: Written last: where it is, the others are. Empty where the video has no recipe.
_RECIPE: Final = "recipe.json"


class FilesystemExcerptStore(excerpt_store.ExcerptStore):
    """Each file is renamed into its place; none is made durable, as each can be made again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, sha256: str) -> Excerpts | None:
        with storage_errors("read excerpts"):
            try:
                return Excerpts(
                    recipe=self._path(sha256, _RECIPE).read_text(encoding="utf-8") or None,
                    thumbnail=self._path(sha256, _THUMBNAIL).read_bytes(),
                    spritesheet=self._path(sha256, _SHEET).read_bytes(),
                )
            except FileNotFoundError:
                return None

    def keep(self, sha256: str, excerpts: Excerpts) -> None:
        with storage_errors("keep excerpts"):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._write(self._path(sha256, _THUMBNAIL), excerpts.thumbnail)
            self._write(self._path(sha256, _SHEET), excerpts.spritesheet)
            self._write(self._path(sha256, _RECIPE), (excerpts.recipe or "").encode())

    def forget(self, sha256: str) -> None:
        with storage_errors("forget excerpts"):
            for name in (_RECIPE, _THUMBNAIL, _SHEET):
                self._path(sha256, name).unlink(missing_ok=True)

    def _path(self, sha256: str, name: str) -> Path:
        assert is_plain(sha256), "a hash of ours"
        return self._folder / f"{sha256}.{name}"

    def _write(self, path: Path, content: bytes) -> None:
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        try:
            part.write_bytes(content)
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
