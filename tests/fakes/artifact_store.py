"""Video files in one folder, without the fsyncs."""

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path

from domain.errors import OutputMissing, StorageError
from domain.ports.artifact_store import ArtifactStore, Survey
from domain.ports.output_remover import OutputRemover
from domain.video import SealedFile


class FakeArtifactStore(ArtifactStore, OutputRemover):
    """Staged files are `JOB.FENCE`, published ones `JOB`.

    Set `refusal` and `publish` and `remove` fail with it until it is None again; clear `may_publish` and it waits.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self.refusal: StorageError | None = None
        self.may_publish = threading.Event()
        self.may_publish.set()

    @property
    def staged(self) -> Sequence[str]:
        """Names of the files that attempts have left."""
        return sorted(path.name for path in self._folder.glob("*.*"))

    def stage(self, job_id: str, fence: int) -> Path:
        path = self._folder / f"{job_id}.{fence}"
        path.unlink(missing_ok=True)
        return path

    def seal(self, staged: Path) -> SealedFile:
        content = staged.read_bytes()
        return SealedFile(sha256=_sha256(content), size_bytes=len(content))

    def publish(self, job_id: str, fence: int, *, sha256: str) -> Path:
        self.may_publish.wait()
        if self.refusal:
            raise self.refusal
        published, staged = self._folder / job_id, self._folder / f"{job_id}.{fence}"
        if _holds(staged, sha256):
            return staged.rename(published)
        if _holds(published, sha256):
            return published
        raise OutputMissing

    def locate(self, job_id: str) -> Path:
        path = self._folder / job_id
        if not path.exists():
            raise OutputMissing
        return path

    def examine(self, job_id: str) -> SealedFile:
        return self.seal(self.locate(job_id))

    def discard(self, job_id: str, *, fence: int | None = None) -> None:
        for path in self._folder.glob(f"{job_id}.{fence or '*'}"):
            path.unlink()

    def remove(self, job_id: str) -> None:
        if self.refusal:
            raise self.refusal
        (self._folder / job_id).unlink(missing_ok=True)

    def survey(self) -> Survey:
        names = [path.name for path in self._folder.iterdir()]
        ours = [name for name in names if name.startswith("gen_")]
        return Survey(
            published=sorted(name for name in ours if "." not in name),
            staged=sorted({name.split(".")[0] for name in ours if "." in name}),
            strangers=sorted(set(names) - set(ours)),
        )


def _holds(path: Path, sha256: str) -> bool:
    return path.exists() and _sha256(path.read_bytes()) == sha256


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
