"""API keys in one file of JSON, which only its owner may read."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from adapters.filesystem.durability import fsync_directory, fsync_file, storage_errors
from adapters.filesystem.file_lock import FileLock
from domain.access_errors import KeyNameTaken, KeysUnreadable, UnknownKey
from domain.api_key import ApiKey
from domain.errors import InvalidRequest, StorageError
from domain.ports import key_store

#: Grows when an older version could no longer read what a newer one wrote.
_FORMAT: Final = 1
_PATIENCE_S: Final = 5.0


class _File(msgspec.Struct, frozen=True, kw_only=True):
    format: int
    keys: tuple[ApiKey, ...]


class FilesystemKeyStore(key_store.KeyStore):
    """The file is replaced as a whole, so whoever reads it finds the old keys or the new ones.

    It is read again only where it was replaced: looking costs one system call.
    """

    def __init__(self, path: Path, prepare: Callable[[], None] = lambda: None) -> None:
        """Touches nothing. Beside the file lies a lock that keeps writers apart.

        Args:
            prepare: makes the folder, before anything is written.
        """
        self._path = path
        self._prepare = prepare
        self._lock = FileLock(path.with_suffix(".lock"))
        self._read: tuple[ApiKey, ...] = ()
        self._version: tuple[int, int, int] | None = None

    def all(self) -> Sequence[ApiKey]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._unreadable(error.strerror or str(error)) from error
        version = (found.st_ino, found.st_mtime_ns, found.st_size)
        if version != self._version:
            self._read = self._load()
            self._version = version
        return self._read

    def add(self, key: ApiKey) -> None:
        def with_key(keys: Sequence[ApiKey]) -> Sequence[ApiKey]:
            if any(other.name == key.name and other.revoked_at is None for other in keys):
                raise KeyNameTaken(
                    f"An API key is called {key.name!r} already: choose another name, or revoke it."
                )
            return [*keys, key]

        self._change(with_key)

    def revoke(self, name: str, *, at: datetime) -> ApiKey:
        revoked: list[ApiKey] = []

        def without_key(keys: Sequence[ApiKey]) -> Sequence[ApiKey]:
            for key in keys:
                if key.revoked_at is None and name in {key.name, key.id}:
                    revoked.append(replace(key, revoked_at=at))
                    return [revoked[0] if other is key else other for other in keys]
            raise UnknownKey(f"No API key is called {name!r}.")

        self._change(without_key)
        return revoked[0]

    def _change(self, change: Callable[[Sequence[ApiKey]], Sequence[ApiKey]]) -> None:
        self._prepare()
        with storage_errors(f"keep API keys in {self._path}"):
            if (holder := self._lock.take(patience_s=_PATIENCE_S)) is not None:
                raise StorageError(f"Process {holder} is changing the API keys: try again.")
            try:
                self._write(tuple(change(self.all())))
            finally:
                self._lock.release()

    def _write(self, keys: tuple[ApiKey, ...]) -> None:
        new = self._path.with_suffix(".new")
        new.unlink(missing_ok=True)  # what a crash left behind
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(new, flags, 0o600), "wb") as file:
            told = msgspec.json.encode(_File(format=_FORMAT, keys=keys))
            file.write(msgspec.json.format(told, indent=2) + b"\n")
        fsync_file(new)
        new.replace(self._path)
        fsync_directory(self._path.parent)

    def _load(self) -> tuple[ApiKey, ...]:
        try:
            read = msgspec.json.decode(self._path.read_bytes(), type=_File)
        except OSError as error:
            raise self._unreadable(error.strerror or str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError, InvalidRequest) as error:
            raise self._unreadable("it is damaged") from error
        if read.format > _FORMAT:
            raise self._unreadable("a newer Wan Studio wrote it")
        return read.keys

    def _unreadable(self, why: str) -> KeysUnreadable:
        return KeysUnreadable(f"The API keys in {self._path} cannot be read: {why}.")
