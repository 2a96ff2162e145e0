"""A copy of the database as it was at one moment, whether or not a server is using it."""

import errno
import os
import sqlite3
import time
from collections.abc import Set
from contextlib import closing
from pathlib import Path
from typing import Final

from adapters.sql.errors import sqlite_errors_translated
from adapters.sql.schema import APPLICATION_ID
from domain.errors import DataDirectoryUnusable, DiskFull, StorageError

#: Pages (of 4 KiB) copied in one go, and the seconds to rest after: at most 200 MB/s, so that the
#: server's own writes always find the disk free.
_PAGES_AT_ONCE: Final = 256
_REST_S: Final = 0.005

#: Of any version's schema: what was removed has no file to be copied.
_VIDEOS: Final = "SELECT id FROM jobs WHERE status IN ('completed', 'publishing')"
_HAS_CARDS: Final = "SELECT 1 FROM sqlite_master WHERE name = 'cards'"
_GOING: Final = """
    SELECT cards.since, jobs.id FROM cards JOIN jobs USING (sequence) WHERE cards.state IN ('removing', 'removed')
"""
_NOTE_REMOVAL: Final = """
    UPDATE cards SET state = 'removing', since = ?
    WHERE sequence = (SELECT sequence FROM jobs WHERE id = ?) AND state IN ('kept', 'deleted')
"""


def copy_database(source: Path, target: Path) -> None:
    """Write all that was committed in `source` when this began into a new file `target`, durably.

    Blocks; neither keeps a server from writing nor waits for it. Whatever fails leaves no target.

    Raises:
        DataDirectoryUnusable: `source` is not there, or is not a database of ours.
        DiskFull: there is no room for the copy.
        StorageError: `target` is there already, or one of the two cannot be used.
    """
    if target.exists():
        raise StorageError(f"{target} is there already: choose another name for the copy.")
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)  # an earlier copy that was cut off
    try:
        with sqlite_errors_translated(), closing(_open(source)) as original:
            _begin_reading(original, source)
            with closing(sqlite3.connect(partial)) as copy:
                original.backup(copy, pages=_PAGES_AT_ONCE, progress=_rest)
        _make_durable(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def videos_in(database: Path) -> Set[str]:
    """Ids of the jobs that have a video, had one, or are just about to.

    Raises:
        StorageError: it cannot be read.
    """
    with sqlite_errors_translated(), closing(_open(database)) as connection:
        return {job_id for (job_id,) in connection.execute(_VIDEOS)}


def note_removals(copy: Path, source: Path, lacking: Set[str]) -> None:
    """Let `copy` say that the videos it is `lacking` are being removed, durably, where `source` says so by now.

    What `source` still keeps is lost there, too: the copy does not hide it.

    Raises:
        DiskFull, StorageError: one of the two cannot be used.
    """
    with sqlite_errors_translated(), closing(_open(source)) as original:
        if original.execute(_HAS_CARDS).fetchone() is None:
            return  # an older version's, which removes nothing
        going = [row for row in original.execute(_GOING) if row[1] in lacking]
    with sqlite_errors_translated(), closing(sqlite3.connect(copy)) as connection, connection:
        connection.executemany(_NOTE_REMOVAL, going)
    _flush(copy)


def _open(source: Path) -> sqlite3.Connection:
    """Opened for reading only, SQLite neither makes the file nor copies its log into it."""
    if not source.is_file():
        raise DataDirectoryUnusable(
            f"{source} is not there: nothing was ever queued in this data directory."
        )
    return sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def _begin_reading(original: sqlite3.Connection, source: Path) -> None:
    """Hold on to one moment. Without it, each commit of the server would start the copy anew."""
    original.execute("PRAGMA busy_timeout = 5000")  # ms
    original.execute("BEGIN")
    [owner] = original.execute("PRAGMA application_id").fetchone()
    original.execute("SELECT count(*) FROM sqlite_master").fetchone()  # only a read begins it
    if owner != APPLICATION_ID:
        raise DataDirectoryUnusable(f"{source} is not a database of Wan Studio.")


def _rest(_status: int, _remaining: int, _total: int) -> None:
    time.sleep(_REST_S)


def _make_durable(partial: Path, target: Path) -> None:
    try:
        _flush(partial)
        partial.rename(target)
        _flush(target.parent)
    except OSError as error:
        kind = DiskFull if error.errno in {errno.ENOSPC, errno.EDQUOT} else StorageError
        raise kind(f"{target} cannot be written: {error.strerror}.") from error


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
