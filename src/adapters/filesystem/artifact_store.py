"""Videos as files: staged under the attempt's number, published under the job's id."""

import hashlib
import secrets
from pathlib import Path

from adapters.filesystem.durability import fsync_directory, fsync_file, storage_errors
from domain.errors import OutputMissing, UnknownImage
from domain.ports import artifact_store
from domain.ports.artifact_store import SealedFile


class FilesystemArtifactStore(artifact_store.ArtifactStore):
    """Folders of one file system, so that publishing is one atomic rename."""

    def __init__(self, *, staging: Path, outputs: Path, inputs: Path) -> None:
        self._staging = staging
        self._outputs = outputs
        self._inputs = inputs

    def stage(self, job_id: str, fence: int) -> Path:
        path = self._staged(job_id, fence)
        with storage_errors("stage a video"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
        return path

    def seal(self, staged: Path) -> SealedFile:
        with storage_errors("make a video durable"):
            fsync_file(staged)
            fsync_directory(staged.parent)
            return SealedFile(sha256=_sha256(staged), size_bytes=staged.stat().st_size)

    def publish(self, job_id: str, fence: int, *, sha256: str) -> Path:
        staged, final = self._staged(job_id, fence), self._final(job_id)
        with storage_errors("publish a video"):
            if staged.is_file() and _sha256(staged) == sha256:
                final.parent.mkdir(parents=True, exist_ok=True)
                staged.replace(final)
            elif not (final.is_file() and _sha256(final) == sha256):
                raise OutputMissing(f"The video of {job_id} is gone before it was published.")
            fsync_directory(final.parent)
        return final

    def locate(self, job_id: str) -> Path:
        final = self._final(job_id)
        if final.is_symlink() or not final.is_file():
            raise OutputMissing
        return final

    def keep_image(self, png: bytes) -> str:
        image_id = f"img_{hashlib.sha256(png).hexdigest()}"
        path = self._inputs / f"{image_id}.png"
        with storage_errors("keep an image"):
            self._inputs.mkdir(parents=True, exist_ok=True)
            if not path.is_file():
                temporary = self._inputs / f"{image_id}.{secrets.token_hex(4)}.part"
                temporary.write_bytes(png)
                fsync_file(temporary)
                temporary.replace(path)
                fsync_directory(self._inputs)
        return image_id

    def locate_image(self, image_id: str) -> Path:
        path = self._inputs / f"{image_id}.png"
        if not _is_plain(image_id) or path.is_symlink() or not path.is_file():
            raise UnknownImage(f"No uploaded image has the id {image_id!r}.")
        return path

    def discard(self, job_id: str, *, fence: int | None = None) -> None:
        with storage_errors("clear the staging folder"):
            for path in self._staging.glob(f"{_name(job_id)}.{fence or '*'}.mp4"):
                path.unlink(missing_ok=True)

    def _staged(self, job_id: str, fence: int) -> Path:
        return self._staging / f"{_name(job_id)}.{fence}.mp4"

    def _final(self, job_id: str) -> Path:
        return self._outputs / f"{_name(job_id)}.mp4"


def _name(job_id: str) -> str:
    """A file name that cannot leave its folder: ids are ours, but they come back from clients."""
    if not _is_plain(job_id):
        raise OutputMissing
    return job_id


def _is_plain(name: str) -> bool:
    return name.isascii() and name.replace("_", "").isalnum()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
