"""How the SQLite file is opened: its URL, and what every connection is told.

Settings and their reasons: reliability reference, SQLite settings.
"""

from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from domain.errors import BackendUnavailable, DataDirectoryUnusable

#: Set on every connection. None of these changes the file.
_PRAGMAS: Final = (
    "busy_timeout = 5000",  # ms
    "synchronous = FULL",  # NORMAL may lose acknowledged commits at power loss
    "fullfsync = ON",  # acts on macOS only, like the next
    "checkpoint_fullfsync = ON",
    "foreign_keys = ON",
    "mmap_size = 0",  # an I/O error must be an error, not a SIGBUS
    "trusted_schema = OFF",
    "journal_size_limit = 67108864",  # bytes
    # Pages in the log from which it is copied into the file, while the next commit waits: at SQLite's own
    # 1,000 that met one write in a hundred, at this one in four hundred.
    "wal_autocheckpoint = 4000",
)


def sqlite_url(text: str) -> URL:
    """The URL that `text` spells.

    Raises:
        BackendUnavailable: it names another database.
        DataDirectoryUnusable: it names no file.
    """
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise DataDirectoryUnusable(f"database.url cannot be understood: {error}") from error
    if url.drivername != "sqlite+aiosqlite":
        raise BackendUnavailable(
            f"database.url names {url.drivername}; only sqlite+aiosqlite:///FILE is offered yet."
        )
    if url.database in {None, "", ":memory:"}:
        raise DataDirectoryUnusable(
            "database.url names no file: generations must outlive the process."
        )
    return url


def database_file(text: str) -> Path:
    """The file that the URL `text` names. Raises as `sqlite_url` does."""
    return Path(sqlite_url(text).database or "").absolute()


def url_of(file: Path) -> str:
    """The URL that names `file`."""
    url = URL.create("sqlite+aiosqlite", database=str(file.absolute()))
    return url.render_as_string()


def read_only(url: URL) -> URL:
    """The same file, which SQLite itself then refuses to create, change or checkpoint."""
    database = url.database or ""
    if not database.startswith("file:"):
        database = Path(database).absolute().as_uri()
    return url.set(database=database).update_query_dict({"mode": "ro", "uri": "true"})


def writing_engine(url: URL) -> Engine:
    """One connection, for whoever calls from a thread of its own."""
    return _engine(url, pool_size=1, max_overflow=0)


def reading_engine(url: URL) -> Engine:
    """One connection that cannot write, of the thread that uses it first."""
    return _engine(
        url,
        "query_only = ON",
        poolclass=StaticPool,
        # Nothing is to be undone after a SELECT.
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        pool_reset_on_return=None,
    )


def _engine(
    url: URL, *pragmas: str, **options: Any
) -> Engine:  # Any: SQLAlchemy's own, of every type
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        connect_args={"isolation_level": None},  # the driver begins no transaction of its own
        hide_parameters=True,  # a prompt must not reach the log in an error's text
        **options,
    )

    def set_pragmas(connection: Any, _entry: ConnectionPoolEntry) -> None:  # PEP 249, untyped
        cursor = connection.cursor()
        for pragma in (*_PRAGMAS, *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    event.listen(engine, "connect", set_pragmas)
    return engine
