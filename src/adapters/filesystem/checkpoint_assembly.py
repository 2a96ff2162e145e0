"""A checkpoint made of files that are here: a folder of links and of files made for it.

Folders are real and files are links, as in the cache of huggingface_hub: what else lies beside the
linked files is never seen, and a manifest of our own can lie among them.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from adapters.filesystem.checkpoint_catalog import read_checkpoint
from adapters.filesystem.durability import storage_errors
from adapters.filesystem.manifest import NAME, sha256_of, write_manifest
from adapters.filesystem.publication import check_replacing, publish_folder, replace_folder
from domain.checkpoint import CheckpointSpec
from domain.checkpoint_manifest import FilesProgress, Manifest, ManifestFile, Report
from domain.errors import CheckpointUnavailable
from domain.ports import checkpoint_store


class FilesystemAssembly(checkpoint_store.Assembly):
    """Whoever makes it holds the lock."""

    def __init__(
        self,
        spec: CheckpointSpec,
        folder: Path,
        target: Path,
        unfinished: Path,
        former: Manifest | None = None,
    ) -> None:
        """What a crash left in `folder` is dropped.

        Args:
            target: the checkpoint's own folder.
            unfinished: where a transfer of it may lie.
            former: of what lies at `target` and is to be replaced; None where nothing is.
        """
        self._spec = spec
        self._folder = folder
        self._target = target
        self._unfinished = unfinished
        self._former = former
        self.discard()
        with storage_errors(f"write {folder}"):
            folder.mkdir(parents=True)
        if former:
            with storage_errors(f"replace {target} at once on this file system"):
                check_replacing(folder.parent)

    @property
    def folder(self) -> Path:
        return self._folder

    def link(self, name: str, file: Path) -> None:
        with storage_errors(f"link {file}"):
            place = self._folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(file.resolve(strict=True))

    def free_bytes(self) -> int:
        return shutil.disk_usage(self._folder).free

    def take(self, name: str, file: Path) -> None:
        with storage_errors(f"take {file}"):
            place = self._folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if file.is_symlink():
                place.symlink_to(file.readlink())
            else:
                place.hardlink_to(file)

    def publish(
        self,
        report: Report,
        *,
        adopted_from: Sequence[str] = (),
        converted_from: Sequence[str] = (),
        recast: Sequence[str] = (),
    ) -> None:
        try:
            read_checkpoint(self._spec, self._folder)
        except CheckpointUnavailable as error:
            named = adopted_from[0] if len(adopted_from) == 1 else str(self._target)
            raise type(error)(error.message.replace(str(self._folder), named)) from error
        with storage_errors(f"keep {self._target}"):
            manifest = Manifest(
                checkpoint_id=self._spec.id,
                files=self._files(report),
                adopted_from=tuple(adopted_from),
                converted_from=tuple(converted_from),
                recast=tuple(recast),
            )
            if self._former is None:
                write_manifest(self._folder, manifest)
                publish_folder(self._folder, self._target)
            else:
                self._replace(self._former, manifest)
        shutil.rmtree(self._unfinished, ignore_errors=True)

    def discard(self) -> None:
        """Drop what was not published, or was replaced. Without it, does nothing."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _replace(self, former: Manifest, manifest: Manifest) -> None:
        write_manifest(
            self._folder,
            replace(
                manifest,
                repository=former.repository,
                revision=former.revision,
                converted_from=former.converted_from,
                recast=tuple(dict.fromkeys((*former.recast, *manifest.recast))),
            ),
        )
        ours = {NAME, *(file.name for file in (*former.files, *manifest.files))}
        for path in self._target.rglob("*"):
            name = path.relative_to(self._target).as_posix()
            is_theirs = name not in ours and (path.is_symlink() or path.is_file())
            # A link to a folder of ours is there already, as a folder.
            if is_theirs and not os.path.lexists(self._folder / name):
                self.take(name, path)
        replace_folder(self._folder, self._target)

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
