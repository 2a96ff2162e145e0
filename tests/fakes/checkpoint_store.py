"""Checkpoints as bytes in memory."""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from domain.checkpoint import checkpoint_spec
from domain.checkpoint_manifest import (
    Fault,
    FileFault,
    FilesProgress,
    Manifest,
    ManifestFile,
    Report,
)
from domain.errors import CheckpointMissing
from domain.ports.checkpoint_store import Assembly, CheckpointStore, Staging
from domain.repository import ListedFile, Listing
from domain.store_errors import CheckpointBusy
from domain.stored_checkpoint import Origin, Removal, StoredCheckpoint, UnfinishedTransfer
from tests.fakes.examples import NOON


def manifest_of(checkpoint_id: str, files: Mapping[str, bytes]) -> Manifest:
    """What a pull of these files would have written."""
    return Manifest(
        checkpoint_id=checkpoint_id,
        repository=f"Wan-AI/{checkpoint_id}",
        revision="c0ffee" * 6 + "c0ff",
        files=tuple(
            ManifestFile(
                name=name, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest()
            )
            for name, content in files.items()
        ),
    )


class FakeStaging(Staging):
    """What came so far, in memory; the store keeps it until it is published."""

    def __init__(self, store: "FakeCheckpointStore", checkpoint_id: str, listing: Listing) -> None:
        self.listing = listing
        self.partial: dict[str, bytes] = {}
        self.whole: dict[str, bytes] = {}
        self._store = store
        self._checkpoint_id = checkpoint_id

    @property
    def folder(self) -> Path:
        """The settled files, written where a test can read them."""
        folder = self._store.workshop / f"{self._checkpoint_id}.staged"
        for name, content in self.whole.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder

    def lacking(self) -> Sequence[ListedFile]:
        return [file for file in self.listing.files if file.name not in self.whole]

    def received_bytes(self, file: ListedFile) -> int:
        return len(self.partial.get(file.name, b""))

    def receive(self, file: ListedFile, chunks: Iterable[bytes]) -> None:
        for chunk in chunks:
            self.partial[file.name] = self.partial.get(file.name, b"") + chunk

    def settle(self, file: ListedFile, passed: Callable[[int], None]) -> FileFault | None:
        content = self.partial.pop(file.name, b"")
        passed(len(content))
        if (fault := _fault(file, content)) is not None:
            return FileFault(name=file.name, fault=fault)
        self.whole[file.name] = content
        return None

    def free_bytes(self) -> int:
        return self._store.free_bytes

    def publish(self) -> None:
        self._store.take(self._checkpoint_id, self)


class FakeAssembly(Assembly):
    """Links to files on disk; what they hold is read when it is published."""

    def __init__(
        self,
        store: "FakeCheckpointStore",
        checkpoint_id: str,
        folder: Path,
        former: StoredCheckpoint | None = None,
    ) -> None:
        self.links: dict[str, Path] = {}
        self._former = former
        self._store = store
        self._checkpoint_id = checkpoint_id
        self._folder = folder

    @property
    def folder(self) -> Path:
        return self._folder

    def link(self, name: str, file: Path) -> None:
        self.links[name] = file

    def free_bytes(self) -> int:
        return self._store.free_bytes

    def take(self, name: str, file: Path) -> None:
        place = self._folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if self._former is not None and file.is_relative_to(self._former.folder):
            inside = file.relative_to(self._former.folder).as_posix()
            place.write_bytes(self._store.files[self._checkpoint_id][inside])
        else:
            place.write_bytes(file.read_bytes())

    def publish(
        self,
        report: Report,
        *,
        adopted_from: Sequence[str] = (),
        converted_from: Sequence[str] = (),
        recast: Sequence[str] = (),
    ) -> None:
        files = {name: file.read_bytes() for name, file in self.links.items()}
        own = (path for path in self._folder.rglob("*") if path.is_file())
        files |= {path.relative_to(self._folder).as_posix(): path.read_bytes() for path in own}
        total = sum(map(len, files.values()))
        report(FilesProgress(doing="reading", name="", done_bytes=total, total_bytes=total))
        manifest = replace(
            manifest_of(self._checkpoint_id, files),
            repository=None,
            revision=None,
            adopted_from=tuple(adopted_from),
            converted_from=tuple(converted_from),
            recast=tuple(recast),
        )
        if self._former is not None:
            before = self._former.promised
            manifest = replace(manifest, repository=before.repository, revision=before.revision)
            named = {file.name for file in before.files}
            others = self._store.files[self._checkpoint_id].items()
            files |= {name: content for name, content in others if name not in named}
        origin = Origin.ADOPTED if adopted_from else Origin.CONVERTED
        self._store.drop(self._checkpoint_id)
        self._store.put(self._checkpoint_id, files, manifest, origin)


class FakeCheckpointStore(CheckpointStore):
    """`put` lays one down; `files` is the disk, to be spoiled at will."""

    def __init__(self, workshop: Path | None = None) -> None:
        """`workshop`: where files may be made for a checkpoint; needed to assemble one."""
        self._workshop = workshop
        self.files: dict[str, dict[str, bytes]] = {}
        self.free_bytes = 2**40
        self.used_at: dict[str, datetime] = {}
        self._staged: dict[str, FakeStaging] = {}
        self._busy: set[str] = set()
        self._manifests: dict[str, Manifest | None] = {}
        self._origins: dict[str, Origin] = {}

    def put(
        self,
        checkpoint_id: str,
        files: Mapping[str, bytes],
        manifest: Manifest | None,
        origin: Origin = Origin.PULLED,
    ) -> None:
        self.files[checkpoint_id] = dict(files)
        self._manifests[checkpoint_id] = manifest
        self._origins[checkpoint_id] = origin

    def stored(self, checkpoint_id: str) -> StoredCheckpoint | None:
        if checkpoint_spec(checkpoint_id).id not in self.files:
            return None
        size = sum(len(content) for content in self.files[checkpoint_id].values())
        return StoredCheckpoint(
            checkpoint_id=checkpoint_id,
            folder=Path("/models") / checkpoint_id,
            origin=self._origins[checkpoint_id],
            size_bytes=size,
            own_bytes=size,
            put_at=datetime(2000, 1, 1, tzinfo=UTC),
            used_at=self.used_at.get(checkpoint_id, NOON),
            manifest=self._manifests[checkpoint_id],
        )

    def verify(self, checkpoint_id: str, report: Report) -> Sequence[FileFault]:
        found = self._found(checkpoint_id)
        manifest = found.promised
        done, faults = 0, []
        for file in manifest.files:
            content = self.files[checkpoint_id].get(file.name)
            done += len(content or b"")
            total = manifest.size_bytes
            report(
                FilesProgress(doing="verifying", name=file.name, done_bytes=done, total_bytes=total)
            )
            if (fault := _fault(file.listed, content)) is not None:
                faults.append(FileFault(name=file.name, fault=fault))
        return faults

    def unfinished(self, checkpoint_id: str) -> UnfinishedTransfer | None:
        staged = self._staged.get(checkpoint_spec(checkpoint_id).id)
        if staged is None:
            return None
        done = sum(map(len, (*staged.partial.values(), *staged.whole.values())))
        return UnfinishedTransfer(
            checkpoint_id=checkpoint_id, listing=staged.listing, done_bytes=done
        )

    @contextmanager
    def stage(self, checkpoint_id: str, listing: Listing) -> Iterator[Staging]:
        if checkpoint_spec(checkpoint_id).id in self._busy:
            raise CheckpointBusy
        staged = self._staged.get(checkpoint_id)
        if staged is None or staged.listing != listing:
            before = staged
            staged = FakeStaging(self, checkpoint_id, listing)
            self._staged[checkpoint_id] = staged
            if before is not None:
                for file in set(before.listing.files) & set(listing.files):
                    for old, new in (
                        (before.partial, staged.partial),
                        (before.whole, staged.whole),
                    ):
                        if file.name in old:
                            new[file.name] = old[file.name]
        self._busy.add(checkpoint_id)
        try:
            yield staged
        finally:
            self._busy.discard(checkpoint_id)

    @contextmanager
    def assemble(self, checkpoint_id: str) -> Iterator[Assembly]:
        stored = self.stored(checkpoint_id)
        if stored is not None and stored.origin is not Origin.EMBEDDED:
            stored.refuse_another()
        folder = self.workshop / checkpoint_id
        folder.mkdir(parents=True)
        try:
            yield FakeAssembly(self, checkpoint_id, folder)
        finally:
            shutil.rmtree(folder)

    @contextmanager
    def rework(self, checkpoint_id: str) -> Iterator[Assembly]:
        former = self._found(checkpoint_id)
        former.refuse_conversion()
        folder = self.workshop / checkpoint_id
        folder.mkdir(parents=True)
        try:
            yield FakeAssembly(self, checkpoint_id, folder, former)
        finally:
            shutil.rmtree(folder)

    @property
    def workshop(self) -> Path:
        assert self._workshop is not None, "give the fake a workshop"
        return self._workshop

    def drop(self, checkpoint_id: str) -> None:
        """Forget a transfer."""
        self._staged.pop(checkpoint_id, None)

    def take(self, checkpoint_id: str, staging: FakeStaging) -> None:
        """The end of a transfer."""
        if checkpoint_id in self.files:
            self.files[checkpoint_id] |= staging.whole
        else:
            told = manifest_of(checkpoint_id, staging.whole)
            listing = staging.listing
            self.put(
                checkpoint_id,
                staging.whole,
                replace(told, repository=listing.repository, revision=listing.revision),
            )
        del self._staged[checkpoint_id]

    def remove(self, checkpoint_id: str) -> Removal:
        dropped = self._staged.pop(checkpoint_spec(checkpoint_id).id, None)
        if checkpoint_id not in self.files and dropped is not None:
            begun = [*dropped.partial.values(), *dropped.whole.values()]
            return Removal(files=len(begun), freed_bytes=sum(map(len, begun)))
        found = self._found(checkpoint_id)
        found.refuse_removal()
        assert found.manifest is not None
        named = {file.name for file in found.manifest.files}
        files = self.files.pop(checkpoint_id)
        left = {name: content for name, content in files.items() if name not in named}
        if left:
            self.put(checkpoint_id, left, None, Origin.PLACED)
        gone = [len(content) for name, content in files.items() if name in named]
        return Removal(files=len(gone) + 1, freed_bytes=sum(gone), left=tuple(sorted(left)))

    def _found(self, checkpoint_id: str) -> StoredCheckpoint:
        found = self.stored(checkpoint_id)
        if found is None:
            raise CheckpointMissing
        return found


def git_sha1(content: bytes) -> str:
    """What git names the blob."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _fault(file: ListedFile, content: bytes | None) -> Fault | None:
    if content is None:
        return Fault.MISSING
    if len(content) != file.size_bytes:
        return Fault.CUT_SHORT if len(content) < file.size_bytes else Fault.TOO_LONG
    if file.sha256 is not None:
        return None if hashlib.sha256(content).hexdigest() == file.sha256 else Fault.CHANGED
    return None if git_sha1(content) == file.git_sha1 else Fault.CHANGED
