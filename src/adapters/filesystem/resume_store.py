"""Resume points as files, one per job: `JOB.FENCE.resume`.

A line that says what it is, with the SHA-256 of what follows; then the state, byte for byte.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from adapters.filesystem.durability import fsync_directory, fsync_file, storage_errors
from adapters.filesystem.file_names import is_plain
from domain.errors import ResumePointDamaged, StorageError
from domain.ports import resume_store

_FORMAT: Final = b"wan-studio-resume 1"
_SUFFIX: Final = ".resume"
#: A state that is still being written; it was never the job's.
_PART: Final = ".part"


class FilesystemResumeStore(resume_store.ResumeStore):
    """A folder of one file system, so that a new point takes the former's place at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, job_id: str, fence: int, state: bytes) -> None:
        with storage_errors("save a resume point"):
            self._folder.mkdir(parents=True, exist_ok=True)
            before = self._points(job_id)
            if any(other > fence for other in before):
                return
            path = self._path(job_id, fence)
            self._write(path, state)
            for older in before.keys() - {fence}:
                before[older].unlink(missing_ok=True)

    def read(self, job_id: str) -> bytes | None:
        with storage_errors("read a resume point"):
            points = self._points(job_id)
            content = points[max(points)].read_bytes() if points else None
        return None if content is None else _checked(content)

    def job_ids(self) -> Sequence[str]:
        with storage_errors("look through the resume points"):
            files = list(self._folder.glob(f"*{_SUFFIX}*"))
        return sorted({path.name.partition(".")[0] for path in files})

    def discard(self, job_id: str) -> None:
        with storage_errors("remove a resume point"):
            for path in self._folder.glob(f"{_name(job_id)}.*"):
                path.unlink(missing_ok=True)

    def _write(self, path: Path, state: bytes) -> None:
        part = path.with_name(path.name + _PART)
        try:
            with part.open("wb") as file:
                file.write(b"%s %s\n" % (_FORMAT, _sha256(state)))
                file.write(state)
            fsync_file(part)
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        fsync_directory(self._folder)

    def _points(self, job_id: str) -> dict[int, Path]:
        """The job's whole files by fence; a crash in `keep` may leave two."""
        found = self._folder.glob(f"{_name(job_id)}.*{_SUFFIX}")
        fences = ((path.name.split(".")[1], path) for path in found)
        return {int(fence): path for fence, path in fences if fence.isdecimal()}

    def _path(self, job_id: str, fence: int) -> Path:
        return self._folder / f"{_name(job_id)}.{fence}{_SUFFIX}"


def _checked(content: bytes) -> bytes:
    head, _, state = content.partition(b"\n")
    if head != b"%s %s" % (_FORMAT, _sha256(state)):
        raise ResumePointDamaged
    return state


def _sha256(state: bytes) -> bytes:
    return hashlib.sha256(state).hexdigest().encode()


def _name(job_id: str) -> str:
    if not is_plain(job_id):
        raise StorageError(f"{job_id!r} cannot name a file.")
    return job_id
