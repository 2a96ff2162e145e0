"""What SQLite's refusals mean to the domain."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError

from domain.errors import Conflict, DiskFull, DomainError, StorageError

#: Primary result codes that tell of the disk or of another process, not of a mistake in our SQL.
_STORAGE_CODES: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)


@contextmanager
def sqlite_errors_translated() -> Iterator[None]:
    """Raises the domain's error in place of SQLite's; mistakes in our SQL pass as they are."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        translated = _translate(error.orig if isinstance(error, DBAPIError) else error)
        if translated is None:
            raise
        raise translated from error


def _translate(error: BaseException | None) -> DomainError | None:
    # The low byte is the primary code: https://www.sqlite.org/rescode.html
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return DiskFull()
    if code == sqlite3.SQLITE_CONSTRAINT:
        return Conflict(f"The change breaks a rule of the database: {error}.")
    if code in _STORAGE_CODES:
        return StorageError(f"The database cannot be used: {error}.")
    return None
