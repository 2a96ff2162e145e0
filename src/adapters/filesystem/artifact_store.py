"""Videos as files: staged under the attempt's number, published under the job's id."""

import hashlib
import re
from pathlib import Path
from typing import Final

from adapters.filesystem.durability import fsync_directory, fsync_file, storage_errors
from adapters.filesystem.file_names import is_plain
from domain.errors import OutputMissing
from domain.ports import artifact_store
from domain.ports.artifact_store import Survey
from domain.ports.output_remover import OutputRemover
from domain.video import SealedFile

_STAGED: Final = re.compile(r"(?P<job>\w+)\.\d+\.mp4", re.ASCII)
_PUBLISHED: Final = re.compile(r"(?P<job>\w+)\.mp4", re.ASCII)


class FilesystemArtifactStore(artifact_store.ArtifactStore, OutputRemover):
    """Folders of one file system, so that publishing is one atomic rename."""

    def __init__(self, *, staging: Path, outputs: Path) -> None:
        self._staging = staging
        self._outputs = outputs

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
            return _examine(staged)

    def publish(self, job_id: str, fence: int, *, sha256: str) -> Path:
        staged, final = self._staged(job_id, fence), self._final(job_id)
        with storage_errors("publish a video"):
            if staged.is_file() and _examine(staged).sha256 == sha256:
                final.parent.mkdir(parents=True, exist_ok=True)
                staged.replace(final)
            elif not (final.is_file() and _examine(final).sha256 == sha256):
                raise OutputMissing(f"The video of {job_id} is gone before it was published.")
            try:
                fsync_directory(final.parent)
            except OSError:
                final.replace(staged)  # a name that may be gone tomorrow is not published
                raise
        return final

    def locate(self, job_id: str) -> Path:
        final = self._final(job_id)
        if final.is_symlink() or not final.is_file():
            raise OutputMissing
        return final

    def examine(self, job_id: str) -> SealedFile:
        with storage_errors("read a video"):
            return _examine(self.locate(job_id))

    def discard(self, job_id: str, *, fence: int | None = None) -> None:
        with storage_errors("clear the staging folder"):
            for path in self._staging.glob(f"{_name(job_id)}.{fence or '*'}.mp4"):
                path.unlink(missing_ok=True)

    def remove(self, job_id: str) -> None:
        final = self._final(job_id)
        with storage_errors("remove a video"):
            final.unlink(missing_ok=True)
            if self._outputs.is_dir():
                fsync_directory(self._outputs)

    def survey(self) -> Survey:
        with storage_errors("look through the videos"):
            staged, odd_staged = _sort(self._staging, _STAGED)
            published, odd_published = _sort(self._outputs, _PUBLISHED)
        return Survey(
            published=published, staged=sorted(set(staged)), strangers=odd_staged + odd_published
        )

    def _staged(self, job_id: str, fence: int) -> Path:
        return self._staging / f"{_name(job_id)}.{fence}.mp4"

    def _final(self, job_id: str) -> Path:
        return self._outputs / f"{_name(job_id)}.mp4"


def _sort(folder: Path, ours: re.Pattern[str]) -> tuple[list[str], list[str]]:
    """The jobs whose files lie in `folder`, and the names of the files that are nobody's."""
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    found = [(name, ours.fullmatch(name)) for name in names]
    return [m["job"] for _, m in found if m], [name for name, m in found if not m]


def _name(job_id: str) -> str:
    """A file name that cannot leave its folder: ids are ours, but they come back from clients."""
    if not is_plain(job_id):
        raise OutputMissing
    return job_id


def _examine(path: Path) -> SealedFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return SealedFile(sha256=digest, size_bytes=file.tell())
