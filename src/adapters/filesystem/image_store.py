"""Images and clips as files, named by the hash of what they hold."""

import hashlib
import secrets
from pathlib import Path
from typing import Final

from adapters.filesystem.durability import fsync_directory, fsync_file, storage_errors
from adapters.filesystem.file_names import is_plain
from domain.clip import CLIP_PREFIX
from domain.errors import UnknownImage, UnknownVideo
from domain.inputs import told_of_no_upload
from domain.ports import image_store

#: An image or a clip that is still being written.
_PART: Final = ".part"


class FilesystemImageStore(image_store.ImageStore):
    """One folder. A file that is there is whole: it was renamed into its place."""

    def __init__(self, folder: Path, *also: Path) -> None:
        """Keeps everything in `folder`, and finds what lies in the others, too."""
        self._folder = folder
        self._folders = (folder, *also)

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
        with storage_errors("sweep the images and videos"):
            for kind in ("img", "vid"):
                for part in self._folder.glob(f"{kind}_*{_PART}"):
                    part.unlink(missing_ok=True)

    def locate(self, image_id: str) -> Path:
        for folder in self._folders:
            if _is_ours(image_id, path := folder / f"{image_id}.png"):
                return path
        raise UnknownImage(told_of_no_upload("image", image_id))

    def stage_clip(self) -> Path:
        staged = self._folder / f"{CLIP_PREFIX}{secrets.token_hex(8)}{_PART}"
        with storage_errors("keep a video"):
            self._folder.mkdir(parents=True, exist_ok=True)
            staged.touch()
        return staged

    def keep_clip(self, staged: Path) -> str:
        with storage_errors("keep a video"):
            with staged.open("rb") as file:
                clip_id = f"{CLIP_PREFIX}{hashlib.file_digest(file, 'sha256').hexdigest()}"
            path = self._folder / f"{clip_id}.zip"
            if path.is_file():
                staged.unlink()
            else:
                fsync_file(staged)
                staged.replace(path)
            fsync_directory(self._folder)  # as above
        return clip_id

    def locate_clip(self, clip_id: str) -> Path:
        for folder in self._folders:
            if _is_ours(clip_id, path := folder / f"{clip_id}.zip"):
                return path
        raise UnknownVideo(told_of_no_upload("video", clip_id))

    def _write(self, path: Path, png: bytes) -> None:
        part = path.with_name(f"{path.stem}.{secrets.token_hex(4)}{_PART}")
        try:
            part.write_bytes(png)
            fsync_file(part)
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise


def _is_ours(name: str, path: Path) -> bool:
    return is_plain(name) and not path.is_symlink() and path.is_file()
