"""A folder that becomes visible under its name at once, and stays so across a power cut."""

import ctypes
import errno
import os
import tempfile
from pathlib import Path
from typing import Final

from adapters.filesystem.durability import fsync_directory, fsync_file

#: Paths are taken from the working directory, and two names change places. Source: Linux `fcntl.h` and `fs.h`.
_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2


def publish_folder(folder: Path, target: Path) -> None:
    """Rename `folder`, with all its own files made durable, to `target`, which must not be there.

    Raises:
        OSError: it cannot be done; `target` is not there then.
    """
    _make_durable(folder)
    folder.rename(target)
    fsync_directory(target.parent)


def replace_folder(folder: Path, target: Path) -> None:
    """Have `folder`, with all its own files made durable, and `target` change places: `target` is always one of them.

    Raises:
        OSError: it cannot be done; both are as they were.
    """
    _make_durable(folder)
    _exchange(folder, target)
    for parent in (target.parent, folder.parent):
        fsync_directory(parent)


def check_replacing(parent: Path) -> None:
    """Find that folders in `parent` can change places.

    Raises:
        OSError: its file system cannot do that.
    """
    with tempfile.TemporaryDirectory(dir=parent) as place:
        one, other = Path(place) / "one", Path(place) / "other"
        one.mkdir()
        other.mkdir()
        _exchange(one, other)


def _make_durable(folder: Path) -> None:
    for current, _, files in os.walk(folder):
        for name in files:
            path = Path(current) / name
            if not path.is_symlink():
                fsync_file(path)
        fsync_directory(Path(current))


def _exchange(one: Path, other: Path) -> None:
    """Python has no function for it."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError as error:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from error
    paths = os.fsencode(one), os.fsencode(other)
    if rename(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
