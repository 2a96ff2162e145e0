"""The contract of `CheckpointStore`, on every adapter."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pytest

from adapters.filesystem.checkpoint_store import FilesystemCheckpointStore
from adapters.filesystem.manifest import write_manifest
from domain.checkpoint_manifest import Fault, FilesProgress, Manifest
from domain.errors import CheckpointMissing, UnknownCheckpoint
from domain.ports.checkpoint_store import CheckpointStore
from domain.store_errors import CheckpointUnverifiable, NotRemovable
from domain.stored_checkpoint import Origin
from tests.fakes.checkpoint_store import FakeCheckpointStore, manifest_of

FILES = {"model_index.json": b"{}", "vae/config.json": b"[1]", "vae/model.safetensors": b"x" * 99}
A14B = "t2v-A14B"


class Disk(Protocol):
    """A store, and the hand that spoils what is in it."""

    store: CheckpointStore

    def put(self, files: Mapping[str, bytes], manifest: Manifest | None) -> None: ...
    def embed(self, files: Mapping[str, bytes], manifest: Manifest) -> None: ...
    def write(self, name: str, content: bytes | None) -> None: ...
    def names(self) -> set[str]: ...


class RealDisk:
    def __init__(self, root: Path) -> None:
        self._root = root
        for name in ("models", "embedded"):
            (root / name).mkdir()
        self.store = FilesystemCheckpointStore(root / "models", root / "embedded")

    def put(self, files: Mapping[str, bytes], manifest: Manifest | None) -> None:
        self._put(self._root / "models" / A14B, files, manifest)

    def embed(self, files: Mapping[str, bytes], manifest: Manifest) -> None:
        self._put(self._root / "embedded" / A14B, files, manifest)

    def write(self, name: str, content: bytes | None) -> None:
        path = self._root / "models" / A14B / name
        path.unlink() if content is None else path.write_bytes(content)

    def names(self) -> set[str]:
        folder = self._root / "models" / A14B
        found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
        return found - {"manifest.json"}

    def _put(self, folder: Path, files: Mapping[str, bytes], manifest: Manifest | None) -> None:
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        if manifest:
            write_manifest(folder, manifest)


class MemoryDisk:
    def __init__(self) -> None:
        self.store = FakeCheckpointStore()

    def put(self, files: Mapping[str, bytes], manifest: Manifest | None) -> None:
        self.store.put(A14B, files, manifest, Origin.PULLED if manifest else Origin.PLACED)

    def embed(self, files: Mapping[str, bytes], manifest: Manifest) -> None:
        self.store.put(A14B, files, manifest, Origin.EMBEDDED)

    def write(self, name: str, content: bytes | None) -> None:
        disk = self.store.files[A14B]
        if content is None:
            del disk[name]
        else:
            disk[name] = content

    def names(self) -> set[str]:
        return set(self.store.files.get(A14B, ()))


@pytest.fixture(params=["filesystem", "fake"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Disk:
    return RealDisk(tmp_path) if request.param == "filesystem" else MemoryDisk()


def unheard(_progress: FilesProgress) -> None:
    pass


def test_nothing_is_stored_where_nothing_was_put(disk: Disk) -> None:
    assert disk.store.stored(A14B) is None
    with pytest.raises(CheckpointMissing):
        disk.store.verify(A14B, unheard)
    with pytest.raises(CheckpointMissing):
        disk.store.remove(A14B)


def test_an_id_nobody_knows_is_unknown(disk: Disk) -> None:
    for method in (disk.store.stored, disk.store.remove):
        with pytest.raises(UnknownCheckpoint):
            method("../etc")


def test_what_is_stored_says_its_size_and_where_it_came_from(disk: Disk) -> None:
    disk.put(FILES, manifest_of(A14B, FILES))

    stored = disk.store.stored(A14B)

    assert stored is not None
    assert stored.origin is Origin.PULLED
    assert stored.source == "Wan-AI/t2v-A14B at c0ffeec0ffee"
    assert stored.manifest == manifest_of(A14B, FILES)
    assert stored.size_bytes >= sum(map(len, FILES.values()))


def test_a_whole_checkpoint_has_no_fault_and_every_byte_is_told(disk: Disk) -> None:
    disk.put(FILES, manifest_of(A14B, FILES))
    told: list[FilesProgress] = []

    assert disk.store.verify(A14B, told.append) == []

    assert {progress.name for progress in told} == set(FILES)
    assert told[-1].done_bytes == told[-1].total_bytes == sum(map(len, FILES.values()))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, Fault.MISSING),
        (b"x" * 98, Fault.CUT_SHORT),
        (b"x" * 100, Fault.TOO_LONG),
        (b"x" * 98 + b"y", Fault.CHANGED),
        (b"", Fault.CUT_SHORT),
    ],
)
def test_the_file_that_is_wrong_is_named_and_how(
    disk: Disk, content: bytes | None, fault: Fault
) -> None:
    disk.put(FILES, manifest_of(A14B, FILES))
    disk.write("vae/model.safetensors", content)

    found = disk.store.verify(A14B, unheard)

    assert [(told.name, told.fault) for told in found] == [("vae/model.safetensors", fault)]


def test_without_a_manifest_nothing_can_be_verified(disk: Disk) -> None:
    disk.put(FILES, None)

    with pytest.raises(CheckpointUnverifiable):
        disk.store.verify(A14B, unheard)


def test_what_was_put_there_is_removed(disk: Disk) -> None:
    disk.put(FILES, manifest_of(A14B, FILES))

    removal = disk.store.remove(A14B)

    assert removal.files == len(FILES) + 1
    assert removal.freed_bytes >= sum(map(len, FILES.values()))
    assert removal.left == ()
    assert disk.store.stored(A14B) is None


def test_files_of_others_are_left_and_told(disk: Disk) -> None:
    disk.put(FILES, manifest_of(A14B, FILES))
    disk.write("vae/notes.txt", b"mine")

    removal = disk.store.remove(A14B)

    assert removal.left == ("vae/notes.txt",)
    assert disk.names() == {"vae/notes.txt"}


def test_what_others_put_there_is_not_removed(disk: Disk) -> None:
    disk.put(FILES, None)

    with pytest.raises(NotRemovable):
        disk.store.remove(A14B)
    assert disk.names() == set(FILES)


def test_what_ships_with_the_program_is_not_removed(disk: Disk) -> None:
    disk.embed(FILES, manifest_of(A14B, FILES))

    with pytest.raises(NotRemovable, match="ships"):
        disk.store.remove(A14B)
    assert disk.store.verify(A14B, unheard) == []
