"""One worker at a time on a thing on disk, across processes; the lock dies with its holder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.store_errors import CheckpointBusy


@contextmanager
def sole_user(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file at `path`, which stays.

    Raises:
        CheckpointBusy: another holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CheckpointBusy(
                f"{what} is being worked on already, here or in another process: wait for it to end."
            ) from error
        yield
    finally:
        os.close(descriptor)
