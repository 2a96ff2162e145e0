"""Making what was written survive a power cut, and saying clearly when it cannot be written."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.errors import DiskFull, StorageError


def fsync_file(path: Path) -> None:
    """Return once the file's bytes are on the disk."""
    _fsync(path, os.O_RDONLY)


def fsync_directory(path: Path) -> None:
    """Return once the names in the directory are on the disk: a rename is durable only then."""
    _fsync(path, os.O_RDONLY | os.O_DIRECTORY)


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Tell an operating system's refusal to write as `DiskFull` or `StorageError`."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull from error
        raise StorageError(f"Cannot {what}: {error.strerror or error}.") from error


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
