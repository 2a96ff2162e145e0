"""A file that one process holds, until it lets go or dies."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

_POLL_S: Final = 0.05
#: Characters of a process id, padded: it is written over the former one, which takes no new room.
_WIDTH: Final = 20


class FileLock:
    """The lock at `path`. The file stays behind: whoever removed it might remove another's."""

    def __init__(self, path: Path) -> None:
        """Touches nothing."""
        self._path = path
        self._descriptor: int | None = None

    def take(self, *, patience_s: float = 0.0) -> str | None:
        """Hold it until `release` or the death of this process.

        Args:
            patience_s: seconds to wait for whoever holds it.

        Returns:
            None once it is held; else the id of the process that holds it.

        Raises:
            OSError: the file cannot be opened.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + patience_s
        while not _is_locked(descriptor):
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, _WIDTH, 0).decode(errors="replace").strip()
                os.close(descriptor)
                return holder or "unknown"
            time.sleep(_POLL_S)
        self._descriptor = descriptor
        with suppress(OSError):  # on a full disk it is held all the same
            os.pwrite(descriptor, f"{os.getpid():<{_WIDTH}}".encode(), 0)
        return None

    def release(self) -> None:
        """Let others in. Without the lock, does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _is_locked(descriptor: int) -> bool:
    """Whether the lock is ours now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
