"""A transfer's files until all of them are whole: a folder beside the checkpoints, on the same disk.

<models>/.staging/<id>/listing.json   what is being fetched, and from which commit
                       partial/       files as far as they came
                       whole/         files that were proven; this folder becomes the checkpoint
"""

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adapters.filesystem.checkpoint_catalog import read_checkpoint
from adapters.filesystem.durability import fsync_directory, fsync_file, storage_errors
from adapters.filesystem.manifest import find_fault, sha256_of, write_manifest
from adapters.filesystem.publication import publish_folder
from domain.checkpoint import CheckpointSpec
from domain.checkpoint_manifest import FileFault, Manifest, ManifestFile
from domain.ports import checkpoint_store
from domain.repository import ListedFile, Listing
from domain.stored_checkpoint import UnfinishedTransfer


class FilesystemStaging(checkpoint_store.Staging):
    """Whoever makes it holds the lock. `target`: the checkpoint's own folder."""

    def __init__(self, spec: CheckpointSpec, folder: Path, target: Path, listing: Listing) -> None:
        self._spec = spec
        self._folder = folder
        self._target = target
        self._listing = listing
        self._partial = folder / "partial"
        self._whole = folder / "whole"
        with storage_errors(f"fetch {spec.id} into {folder}"):
            self._drop_what_is_not_listed(read_listing(folder))
            for wanted in (self._partial, self._whole):
                wanted.mkdir(parents=True, exist_ok=True)
            _write_listing(folder, listing)

    @property
    def folder(self) -> Path:
        return self._whole

    def lacking(self) -> Sequence[ListedFile]:
        return [file for file in self._listing.files if not (self._whole / file.name).is_file()]

    def received_bytes(self, file: ListedFile) -> int:
        return _size(self._partial / file.name)

    def receive(self, file: ListedFile, chunks: Iterable[bytes]) -> None:
        path = self._partial / file.name
        with storage_errors(f"write {path}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.open("ab")
        with partial:
            for chunk in chunks:
                with storage_errors(f"write {path}"):
                    partial.write(chunk)
                    partial.flush()  # here, where a full disk is told as one; not when it is closed

    def settle(self, file: ListedFile, passed: Callable[[int], None]) -> FileFault | None:
        received, settled = self._partial / file.name, self._whole / file.name
        with storage_errors(f"keep {file.name}"):
            received.parent.mkdir(parents=True, exist_ok=True)
            received.touch()
            fault = find_fault(self._partial, file, passed)
            if fault is not None:
                received.unlink()
                return fault
            fsync_file(received)
            settled.parent.mkdir(parents=True, exist_ok=True)
            received.replace(settled)
            fsync_directory(settled.parent)
        return None

    def free_bytes(self) -> int:
        return shutil.disk_usage(self._folder).free

    def publish(self) -> None:
        if self._target.exists():
            self._replace_files()
        else:
            self._become_the_checkpoint()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _drop_what_is_not_listed(self, before: Listing | None) -> None:
        if before is None:
            shutil.rmtree(self._folder, ignore_errors=True)
            return
        for file in set(before.files) - set(self._listing.files):
            for place in (self._whole, self._partial):
                (place / file.name).unlink(missing_ok=True)

    def _replace_files(self) -> None:
        with storage_errors(f"mend {self._target}"):
            for file in self._listing.files:
                place = self._target / file.name
                if (self._whole / file.name).exists():  # else it took its place before a crash
                    place.parent.mkdir(parents=True, exist_ok=True)
                    (self._whole / file.name).replace(place)
                    fsync_directory(place.parent)

    def _become_the_checkpoint(self) -> None:
        with storage_errors(f"keep {self._target}"):
            write_manifest(self._whole, self._manifest())
        read_checkpoint(self._spec, self._whole)
        with storage_errors(f"keep {self._target}"):
            publish_folder(self._whole, self._target)

    def _manifest(self) -> Manifest:
        return Manifest(
            checkpoint_id=self._spec.id,
            repository=self._listing.repository,
            revision=self._listing.revision,
            files=tuple(
                ManifestFile(
                    name=file.name,
                    size_bytes=file.size_bytes,
                    sha256=file.sha256 or sha256_of(self._whole / file.name),
                )
                for file in self._listing.files
            ),
        )


def read_unfinished(checkpoint_id: str, folder: Path) -> UnfinishedTransfer | None:
    """The transfer that lies in that staging folder, if one does."""
    listing = read_listing(folder)
    if listing is None or not (folder / "whole").is_dir():
        return None
    done = sum(
        max(_size(folder / "whole" / file.name), _size(folder / "partial" / file.name))
        for file in listing.files
    )
    return UnfinishedTransfer(checkpoint_id=checkpoint_id, listing=listing, done_bytes=done)


def read_listing(folder: Path) -> Listing | None:
    """What that staging folder was made for; None where that cannot be told."""
    try:
        told: dict[str, Any] = json.loads((folder / "listing.json").read_text(encoding="utf-8"))
        files = tuple(ListedFile(**file) for file in told.pop("files"))
        return Listing(files=files, **told)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # then it begins anew


def _write_listing(folder: Path, listing: Listing) -> None:
    new = folder / "listing.json.new"
    new.write_text(json.dumps(asdict(listing), indent=2), encoding="utf-8")
    fsync_file(new)
    new.replace(folder / "listing.json")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
