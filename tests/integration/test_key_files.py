"""The file of API keys: private, whole, seen at once by others, and never taken for none."""

import os
import stat
import threading
from pathlib import Path

import pytest

from adapters.filesystem.data_directory import DataDirectory
from adapters.filesystem.file_lock import FileLock
from adapters.filesystem.key_store import FilesystemKeyStore
from domain.access import Quota, Scope
from domain.access_errors import KeysUnreadable
from domain.api_key import ApiKey, new_key
from domain.errors import StorageError
from tests.fakes.examples import NOON


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def a_key(name: str) -> tuple[ApiKey, str]:
    return new_key(name, Scope.GENERATE, Quota(), at=NOON)


def test_only_its_owner_may_read_it_and_no_secret_is_in_it(path: Path) -> None:
    key, secret = a_key("ann")
    old = os.umask(0)
    try:
        FilesystemKeyStore(path).add(key)
    finally:
        os.umask(old)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secret[17:] not in path.read_text()


def test_what_one_process_keeps_another_sees_at_its_next_look(path: Path) -> None:
    server, command = FilesystemKeyStore(path), FilesystemKeyStore(path)
    assert server.all() == ()

    command.add(a_key("ann")[0])
    assert [key.name for key in server.all()] == ["ann"]
    command.revoke("ann", at=NOON)
    assert server.all()[0].revoked_at == NOON


def test_it_is_read_again_only_where_it_was_replaced(path: Path) -> None:
    store = FilesystemKeyStore(path)
    store.add(a_key("ann")[0])

    assert store.all() is store.all()


def test_many_writers_at_once_lose_no_key(path: Path) -> None:
    def add(number: int) -> None:
        FilesystemKeyStore(path).add(a_key(f"key-{number}")[0])

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(FilesystemKeyStore(path).all()) == 8


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"format": 1}',
        b'{"format": 2, "keys": []}',
        b'{"format": 1, "keys": [{"id": "key_1"}]}',
        b"\xff\xfe",
    ],
)
def test_a_damaged_file_is_never_taken_for_no_keys(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(KeysUnreadable):
        FilesystemKeyStore(path).all()
    with pytest.raises(KeysUnreadable):
        FilesystemKeyStore(path).add(a_key("ann")[0])
    assert path.read_bytes() == content


def test_a_quota_of_nothing_in_it_is_damage(path: Path) -> None:
    FilesystemKeyStore(path).add(a_key("ann")[0])
    path.write_text(path.read_text().replace('"waiting": 100', '"waiting": 0'))

    with pytest.raises(KeysUnreadable):
        FilesystemKeyStore(path).all()


def test_a_full_disk_leaves_the_old_keys(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FilesystemKeyStore(path)
    store.add(a_key("ann")[0])

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError):
        store.add(a_key("bob")[0])

    assert [key.name for key in FilesystemKeyStore(path).all()] == ["ann"]


def test_what_a_crash_left_behind_is_written_over(path: Path) -> None:
    path.with_suffix(".new").write_text("half a fi")

    FilesystemKeyStore(path).add(a_key("ann")[0])

    assert len(FilesystemKeyStore(path).all()) == 1


def test_a_writer_that_hangs_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.filesystem.key_store._PATIENCE_S", 0.1)
    other = FileLock(path.with_suffix(".lock"))
    other.take()

    with pytest.raises(StorageError, match=str(os.getpid())):
        FilesystemKeyStore(path).add(a_key("ann")[0])
    other.release()


def test_a_copy_of_a_data_directory_has_its_keys(tmp_path: Path) -> None:
    original = DataDirectory(tmp_path / "data")
    original.prepare()
    FilesystemKeyStore(original.keys).add(a_key("ann")[0])

    with original.copying_to(tmp_path / "copy") as partial:
        partial.take_files_from(original, set())

    copied = DataDirectory(tmp_path / "copy").keys
    assert [key.name for key in FilesystemKeyStore(copied).all()] == ["ann"]
    assert stat.S_IMODE(copied.stat().st_mode) == 0o600
