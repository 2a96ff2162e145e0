"""The SQLite file: opened, guarded, written one transaction at a time, and closed.

Knows nothing of jobs. Settings and their reasons: reliability reference, SQLite settings.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import closing, suppress
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from adapters.sql import schema
from adapters.sql.errors import sqlite_errors_translated
from domain.errors import BackendUnavailable, DataDirectoryUnusable, DiskFull, StorageError

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
)
#: Reading connections. A read takes under a millisecond, so few serve many.
_READERS: Final = 3

_T = TypeVar("_T")


class Database:
    """One writing connection whose transactions run one after another, and a few reading ones.

    Each read or write runs in a task of its own that ends by itself: cancelling whoever awaits it
    neither interrupts it nor leaves a transaction open.
    """

    def __init__(self, url: str) -> None:
        """Judges the URL and opens nothing.

        Args:
            url: `sqlite+aiosqlite:///` and a path; the folder must be there, the file need not.

        Raises:
            BackendUnavailable: it names another database.
            DataDirectoryUnusable: it names no file.
        """
        self._url = _sqlite_url(url)
        self._writer = _engine(self._url, connections=1)
        self._reader = _engine(self._url, "query_only = ON", connections=_READERS)
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()
        self._running: set[asyncio.Task[Any]] = set()  # of whatever the caller's work returns

    async def open(self) -> None:
        """Make the file ours and its schema ours, or leave it as it was.

        Raises:
            DataDirectoryUnusable: it is not ours, is newer than this version, or cannot be written.
            DiskFull: there is no room.
        """
        try:
            with sqlite_errors_translated():
                await asyncio.to_thread(_touch, self._writer)
                async with self._writer.connect() as connection:
                    await connection.run_sync(schema.refuse_others)
                    await connection.run_sync(schema.use_write_ahead_log)
            await self.write(schema.migrate)
        except (DiskFull, DataDirectoryUnusable) as error:
            await self.close()
            raise type(error)(f"{self._url.database}: {error.message}") from error
        except StorageError as error:
            await self.close()
            raise DataDirectoryUnusable(f"{self._url.database}: {error.message}") from error

    async def close(self) -> None:
        """Wait for what runs, then let go of the file. Calling it again does nothing."""
        while self._running:
            await asyncio.wait(self._running)
        await self._reader.dispose()
        await self._writer.dispose()

    async def write(self, work: Callable[[Connection], _T]) -> _T:
        """Run `work` in one transaction: durable once this returns, undone if it raises.

        Raises:
            DiskFull, StorageError: it could not be kept.
            Conflict: it breaks a rule of the schema.
            Whatever `work` raises.
        """
        return await self._to_its_end(self._transact(work))

    async def read(self, work: Callable[[Connection], _T]) -> _T:
        """Run `work`, which must be one SELECT, on a connection that cannot write.

        Raises:
            StorageError: it could not be read.
        """
        return await self._to_its_end(self._look(work))

    async def wait(self, ready: Callable[[], Awaitable[bool]], *, timeout_s: float) -> None:
        """Return once `ready` says yes, asked now and after every commit, or after `timeout_s`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while True:
                    news = self._news  # taken before asking, so that no commit falls between
                    if await ready():
                        return
                    await news.wait()

    async def _transact(self, work: Callable[[Connection], _T]) -> _T:
        async with self._turn:
            with sqlite_errors_translated():
                async with self._writer.begin() as connection:
                    await connection.exec_driver_sql("BEGIN IMMEDIATE")
                    result = await connection.run_sync(work)
        self._news.set()
        self._news = asyncio.Event()
        return result

    async def _look(self, work: Callable[[Connection], _T]) -> _T:
        with sqlite_errors_translated():
            async with self._reader.connect() as connection:
                return await connection.run_sync(work)

    async def _to_its_end(self, work: Coroutine[Any, Any, _T]) -> _T:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)


def _sqlite_url(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise DataDirectoryUnusable(f"database.url cannot be understood: {error}") from error
    if url.drivername != "sqlite+aiosqlite":
        raise BackendUnavailable(
            f"database.url names {url.drivername}; only sqlite+aiosqlite:///FILE is offered yet."
        )
    if url.database in {None, "", ":memory:"}:
        raise DataDirectoryUnusable("database.url names no file: jobs must outlive the process.")
    return url


def _touch(engine: AsyncEngine) -> None:
    """Open the file, read its header and close it: what cannot be opened is told here.

    A connection of aiosqlite that fails to open leaves a thread behind, which goes on to call an event
    loop that may have ended.
    """
    [filename], options = engine.dialect.create_connect_args(engine.url)
    with closing(sqlite3.connect(filename, uri=options.get("uri", False))) as connection:
        connection.execute("PRAGMA schema_version")


def _engine(url: URL, *pragmas: str, connections: int) -> AsyncEngine:
    """An engine whose driver never begins a transaction of its own."""
    engine = create_async_engine(
        url,
        connect_args={"isolation_level": None},
        pool_size=connections,
        max_overflow=0,
        pool_timeout=60.0,
        hide_parameters=True,  # a prompt must not reach the log in an error's text
    )

    def set_pragmas(connection: Any, _entry: ConnectionPoolEntry) -> None:  # PEP 249, untyped
        cursor = connection.cursor()
        for pragma in (*_PRAGMAS, *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    event.listen(engine.sync_engine, "connect", set_pragmas)
    return engine
