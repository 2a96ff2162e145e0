"""Images as files, named by the hash of what they hold."""

import hashlib
import secrets
from pathlib import Path
from typing import Final

from adapters.filesystem.durability import fsync_directory, fsync_file, storage_errors
from adapters.filesystem.file_names import is_plain
from domain.errors import UnknownImage
from domain.ports import image_store

#: An image that is still being written.
_PART: Final = ".part"


class FilesystemImageStore(image_store.ImageStore):
    """One folder. A file that is there is whole: it was renamed into its place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, png: bytes) -> str:
        image_id = f"img_{hashlib.sha256(png).hexdigest()}"
        path = self._folder / f"{image_id}.png"
        with storage_errors("keep an image"):
            self._folder.mkdir(parents=True, exist_ok=True)
            if not path.is_file():
                self._write(path, png)
            fsync_directory(
                self._folder
            )  # also where it was there: perhaps its name is not durable yet
        return image_id

    def sweep(self) -> None:
        with storage_errors("sweep the images"):
            for part in self._folder.glob(f"img_*{_PART}"):
                part.unlink(missing_ok=True)

    def locate(self, image_id: str) -> Path:
        path = self._folder / f"{image_id}.png"
        if not is_plain(image_id) or path.is_symlink() or not path.is_file():
            raise UnknownImage(f"No uploaded image has the id {image_id!r}.")
        return path

    def _write(self, path: Path, png: bytes) -> None:
        part = path.with_name(f"{path.stem}.{secrets.token_hex(4)}{_PART}")
        try:
            part.write_bytes(png)
            fsync_file(part)
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
