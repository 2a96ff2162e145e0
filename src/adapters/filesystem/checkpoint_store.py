"""Checkpoints as folders named by their ids, each with a manifest of what was put into it."""

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from adapters.filesystem.checkpoint_assembly import FilesystemAssembly
from adapters.filesystem.checkpoint_staging import FilesystemStaging, read_unfinished
from adapters.filesystem.durability import fsync_directory, storage_errors
from adapters.filesystem.file_lock import FileLock
from adapters.filesystem.last_use import forget_use, last_use
from adapters.filesystem.manifest import NAME, find_fault, read_manifest
from domain.checkpoint import CheckpointSpec, checkpoint_spec
from domain.checkpoint_manifest import FileFault, FilesProgress, Manifest, Report
from domain.errors import CheckpointMissing, DomainError
from domain.ports import checkpoint_store
from domain.repository import Listing
from domain.store_errors import CheckpointBusy
from domain.stored_checkpoint import Origin, Removal, StoredCheckpoint, UnfinishedTransfer

_log = logging.getLogger(__name__)

#: What is made for a checkpoint, or was replaced by that, lies in the staging folder under its id and this.
_NEW: Final = ".new"


class FilesystemCheckpointStore(checkpoint_store.CheckpointStore):
    """`folder` is the user's and is written to; `embedded` is the package's and never is.

    Args:
        prepare: makes what `folder` lies in; called before the first write.
    """

    def __init__(
        self, folder: Path, embedded: Path, prepare: Callable[[], None] = lambda: None
    ) -> None:
        self._folder = folder
        self._embedded = embedded
        self._prepare = prepare
        self._staging = folder / ".staging"

    def stored(self, checkpoint_id: str) -> StoredCheckpoint | None:
        spec = checkpoint_spec(checkpoint_id)
        for parent in (self._folder, self._embedded):
            folder = parent / spec.id
            if folder.is_dir():
                manifest = read_manifest(folder)
                origin = self._origin(folder, manifest)
                size, own = _sizes(folder)
                put_at = _put_at(folder)
                return StoredCheckpoint(
                    checkpoint_id=spec.id,
                    folder=folder,
                    origin=origin,
                    size_bytes=size,
                    own_bytes=own,
                    put_at=put_at,
                    used_at=last_use(self._folder, spec.id, put_at),
                    manifest=manifest,
                )
        return None

    def verify(self, checkpoint_id: str, report: Report) -> Sequence[FileFault]:
        found = self._found(checkpoint_id)
        manifest = found.promised
        done, total, faults = 0, manifest.size_bytes, []
        for file in manifest.files:
            # The default argument keeps this round's name: the function outlives no round.
            def passed(count: int, name: str = file.name) -> None:
                nonlocal done
                done += count
                report(
                    FilesProgress(doing="verifying", name=name, done_bytes=done, total_bytes=total)
                )

            passed(0)
            if fault := find_fault(found.folder, file.listed, passed):
                faults.append(fault)
        return faults

    def unfinished(self, checkpoint_id: str) -> UnfinishedTransfer | None:
        spec = checkpoint_spec(checkpoint_id)
        return read_unfinished(spec.id, self._staging / spec.id)

    @contextmanager
    def stage(self, checkpoint_id: str, listing: Listing) -> Iterator[checkpoint_store.Staging]:
        spec = checkpoint_spec(checkpoint_id)
        with self._alone_with(spec.id):
            yield FilesystemStaging(spec, self._staging / spec.id, self._folder / spec.id, listing)

    @contextmanager
    def assemble(self, checkpoint_id: str) -> Iterator[checkpoint_store.Assembly]:
        spec = checkpoint_spec(checkpoint_id)
        with self._alone_with(spec.id):
            stored = self.stored(spec.id)
            if stored is not None and stored.origin is not Origin.EMBEDDED:
                stored.refuse_another()
            with self._assembly(spec, None) as assembly:
                yield assembly

    @contextmanager
    def rework(self, checkpoint_id: str) -> Iterator[checkpoint_store.Assembly]:
        spec = checkpoint_spec(checkpoint_id)
        with self._alone_with(spec.id):
            found = self._found(spec.id)
            found.refuse_conversion()
            with self._assembly(spec, found.promised) as assembly:
                yield assembly

    def remove(self, checkpoint_id: str) -> Removal:
        stored = self.stored(checkpoint_id)
        if stored is None and self.unfinished(checkpoint_id) is None:
            raise CheckpointMissing(f"{checkpoint_id} is not on this machine.")
        if stored is not None:
            stored.refuse_removal()
        with self._alone_with(checkpoint_id):
            dropped = self._drop_staging(checkpoint_id)
            if stored is None or stored.manifest is None:
                return dropped
            with storage_errors(f"remove what is noted of {checkpoint_id}"):
                forget_use(self._folder, checkpoint_id)
            return self._take_away(stored, stored.manifest, dropped)

    def drop_leftovers(self) -> None:
        """Drop what a crash left of checkpoints that were made here, or of those that they replaced.

        Nobody asks for it again. What somebody works on stays, and so does what cannot be dropped.
        """
        for left in self._staging.glob(f"*{_NEW}"):
            checkpoint_id = left.name.removesuffix(_NEW)
            with suppress(DomainError), self._alone_with(checkpoint_id):
                with storage_errors(f"remove {left}"):
                    shutil.rmtree(left)
                _log.info("leftovers dropped", extra={"checkpoint": checkpoint_id})

    @contextmanager
    def _assembly(
        self, spec: CheckpointSpec, former: Manifest | None
    ) -> Iterator[checkpoint_store.Assembly]:
        assembly = FilesystemAssembly(
            spec,
            folder=self._staging / f"{spec.id}{_NEW}",
            target=self._folder / spec.id,
            unfinished=self._staging / spec.id,
            former=former,
        )
        try:
            yield assembly
        finally:
            assembly.discard()

    @contextmanager
    def _alone_with(self, checkpoint_id: str) -> Iterator[None]:
        self._prepare()
        with storage_errors(f"use {self._staging}"):
            self._staging.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._staging / f"{checkpoint_id}.lock")
            holder = lock.take()
        if holder is not None:
            raise CheckpointBusy(
                f"{checkpoint_id} is being worked on already, by process {holder}: wait for it to end."
            )
        try:
            yield
        finally:
            lock.release()

    def _drop_staging(self, checkpoint_id: str) -> Removal:
        """A transfer that was cut, and what a crash left of a conversion."""
        files = own = 0
        for folder in (self._staging / checkpoint_id, self._staging / f"{checkpoint_id}{_NEW}"):
            files += sum(1 for path in folder.rglob("*") if path.is_file())
            own += _sizes(folder)[1]
            with storage_errors(f"remove {folder}"):
                if folder.exists():
                    shutil.rmtree(folder)
        return Removal(files=files, freed_bytes=own)

    def _found(self, checkpoint_id: str) -> StoredCheckpoint:
        found = self.stored(checkpoint_id)
        if found is None:
            raise CheckpointMissing(f"{checkpoint_id} is not on this machine.")
        return found

    def _origin(self, folder: Path, manifest: Manifest | None) -> Origin:
        if folder.parent == self._embedded:
            return Origin.EMBEDDED
        if manifest is None or folder.is_symlink():
            return Origin.PLACED
        if manifest.adopted_from:
            return Origin.ADOPTED
        if manifest.converted_from or manifest.recast:
            return Origin.CONVERTED
        return Origin.PULLED if manifest.repository else Origin.PLACED

    def _take_away(self, found: StoredCheckpoint, manifest: Manifest, dropped: Removal) -> Removal:
        """The manifest goes last: as long as it is there, the rest can be removed again."""
        files, freed = dropped.files, dropped.freed_bytes
        with storage_errors(f"remove {found.folder}"):
            for name in (*(file.name for file in manifest.files), NAME):
                path = found.folder / name
                if _lies_within(path, found.folder) and os.path.lexists(path):
                    freed += 0 if path.is_symlink() else path.stat().st_size
                    path.unlink()
                    files += 1
            left = _remove_empty_folders(found.folder)
            fsync_directory(self._folder)
        return Removal(files=files, freed_bytes=freed, left=left)


def _sizes(folder: Path) -> tuple[int, int]:
    """Bytes of all files in the folder, and of those that are no links. A file that went is no file."""
    every = own = 0
    for path in folder.rglob("*"):
        if path.is_file():
            size = path.stat().st_size
            every += size
            own += 0 if path.is_symlink() else size
    return every, own


def _lies_within(path: Path, folder: Path) -> bool:
    """Whether no folder on the way from `folder` to `path` is a link: what is behind is others'."""
    return not any(parent.is_symlink() for parent in path.parents if folder in parent.parents)


def _remove_empty_folders(folder: Path) -> tuple[str, ...]:
    """Remove `folder` and all in it that hold nothing. Returns the names of the files that are left."""
    left: list[str] = []
    for current, folders, files in os.walk(folder, topdown=False):
        here = Path(current)
        left += [str((here / name).relative_to(folder)) for name in files]
        left += [
            str((here / name).relative_to(folder)) for name in folders if (here / name).is_symlink()
        ]
        if not any(here.iterdir()):
            here.rmdir()
    return tuple(sorted(left))


def _put_at(folder: Path) -> datetime:
    """When its manifest was written, or the folder changed."""
    manifest = folder / NAME
    told = (manifest if manifest.is_file() else folder).stat()
    return datetime.fromtimestamp(told.st_mtime, UTC)
