"""A checkpoint made of files that are here: a folder of links and of files made for it.

Folders are real and files are links, as in the cache of huggingface_hub: what else lies beside the
linked files is never seen, and a manifest of our own can lie among them.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from adapters.filesystem.checkpoint_catalog import read_checkpoint
from adapters.filesystem.durability import storage_errors
from adapters.filesystem.manifest import sha256_of, write_manifest
from adapters.filesystem.publication import publish_folder
from domain.checkpoint import CheckpointSpec
from domain.checkpoint_manifest import FilesProgress, Manifest, ManifestFile, Report
from domain.ports import checkpoint_store


class FilesystemAssembly(checkpoint_store.Assembly):
    """Whoever makes it holds the lock.

    `target`: the checkpoint's own folder. `unfinished`: where a transfer of it may lie.
    """

    def __init__(self, spec: CheckpointSpec, folder: Path, target: Path, unfinished: Path) -> None:
        self._spec = spec
        self._folder = folder
        self._target = target
        self._unfinished = unfinished
        self.discard()
        with storage_errors(f"write {folder}"):
            folder.mkdir(parents=True)

    @property
    def folder(self) -> Path:
        return self._folder

    def link(self, name: str, file: Path) -> None:
        with storage_errors(f"link {file}"):
            place = self._folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(file.resolve(strict=True))

    def take(self, name: str, file: Path) -> None:
        with storage_errors(f"take {file}"):
            place = self._folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.hardlink_to(file)

    def publish(
        self,
        report: Report,
        *,
        adopted_from: Sequence[str] = (),
        converted_from: Sequence[str] = (),
    ) -> None:
        read_checkpoint(self._spec, self._folder)
        with storage_errors(f"keep {self._target}"):
            manifest = Manifest(
                checkpoint_id=self._spec.id,
                files=self._files(report),
                adopted_from=tuple(adopted_from),
                converted_from=tuple(converted_from),
            )
            write_manifest(self._folder, manifest)
            publish_folder(self._folder, self._target)
        shutil.rmtree(self._unfinished, ignore_errors=True)

    def discard(self) -> None:
        """Drop what was not published. Without it, does nothing."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _files(self, report: Report) -> tuple[ManifestFile, ...]:
        paths = sorted(path for path in self._folder.rglob("*") if path.is_file())
        total, before, files = sum(path.stat().st_size for path in paths), 0, []
        for path in paths:
            name, size = path.relative_to(self._folder).as_posix(), path.stat().st_size
            sha256 = sha256_of(path, _teller(report, name, before, total))
            files.append(ManifestFile(name=name, size_bytes=size, sha256=sha256))
            before += size
        return tuple(files)


def _teller(report: Report, name: str, before: int, total: int) -> Callable[[int], None]:
    done = before

    def passed(count: int) -> None:
        nonlocal done
        done += count
        report(FilesProgress(doing="reading", name=name, done_bytes=done, total_bytes=total))

    return passed
