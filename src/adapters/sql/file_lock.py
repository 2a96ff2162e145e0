"""Keeps a second server away from a database, wherever the data directories of the two are."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from domain.errors import DataDirectoryLocked, StorageError

#: Characters of a process id, padded: it is written over the former one, which takes no new room.
_WIDTH: Final = 20


class FileLock:
    """A lock in a file of its own, beside the database: SQLite's are held for moments, this for a life.

    The file stays behind: whoever removed it might remove another's.
    """

    def __init__(self) -> None:
        self._descriptor: int | None = None

    def take(self, database: Path) -> None:
        """Hold it until `release` or the death of this process.

        Raises:
            DataDirectoryLocked: another server holds it; the message has its process id.
            StorageError: the lock's file cannot be opened.
        """
        path = database.with_name(f"{database.name}.lock")
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(f"Cannot lock it with {path}: {error.strerror}.") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, _WIDTH, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise DataDirectoryLocked(
                f"Another Wan Studio server (process {holder}) is using the database {database}. "
                "Stop it, or name another with WAN_DATABASE__URL."
            ) from error
        except OSError as error:
            os.close(descriptor)
            raise StorageError(f"Cannot lock it with {path}: {error.strerror}.") from error
        self._descriptor = descriptor
        with suppress(OSError):  # on a full disk it is held all the same
            os.pwrite(descriptor, f"{os.getpid():<{_WIDTH}}".encode(), 0)

    def release(self) -> None:
        """Let others in. Without the lock, does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
