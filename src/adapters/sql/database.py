"""The SQLite file: opened, guarded, written in groups, read, and closed. Knows nothing of jobs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Connection

from adapters.sql import schema
from adapters.sql.connections import read_only, sqlite_url, writing_engine
from adapters.sql.errors import sqlite_errors_translated
from adapters.sql.file_lock import FileLock
from adapters.sql.group_writer import GroupWriter
from adapters.sql.readers import Readers
from domain.errors import DataDirectoryLocked, DataDirectoryUnusable, DiskFull, StorageError

_T = TypeVar("_T")


class Database:
    """One writing connection, whose commits many share, and a few reading ones.

    Each read or write ends by itself: cancelling whoever awaits it neither interrupts it nor leaves a
    transaction open.
    """

    def __init__(self, url: str, *, on_write: Callable[[float], None] | None = None) -> None:
        """Judges the URL and opens nothing.

        Args:
            url: `sqlite+aiosqlite:///` and a path; the folder must be there, the file need not.
            on_write: told the seconds that each transaction took.

        Raises:
            BackendUnavailable: it names another database.
            DataDirectoryUnusable: it names no file.
        """
        self._url = sqlite_url(url)
        self._lock = FileLock()
        self._on_write = on_write
        self._news = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []
        #: How often something was written, and may have changed what was read before.
        self.commits = 0
        #: Whether nobody else can write.
        self.is_ours = False
        self._use(self._url)

    async def open(self) -> None:
        """Make the file ours and its schema ours, or leave it as it was.

        Until `close` nobody else can open it, but for reading only.

        Raises:
            DataDirectoryLocked: another server is using it.
            DataDirectoryUnusable: it is not ours, is newer than this version, or cannot be written.
            DiskFull: there is no room.
        """
        async with self._closed_if_refused():
            with sqlite_errors_translated():
                await self._writer.run(schema.refuse_others)
                self._lock.take(await self._writer.run(_file))
                await self._writer.run(schema.use_write_ahead_log)
            await self.write(schema.migrate)
            with sqlite_errors_translated():
                await self._readers.open()
            self.is_ours = True

    async def open_read_only(self) -> None:
        """Look at a file as it is, whether or not a server is using it; every write is refused.

        Raises:
            DataDirectoryUnusable: it is not there, not ours, or not of this version's schema.
        """
        await self.close()
        self._use(read_only(self._url))
        async with self._closed_if_refused():
            with sqlite_errors_translated():
                # By the writer: aiosqlite leaves a thread behind where it cannot open a file.
                await self._writer.run(schema.refuse_others)
                await self._writer.run(schema.refuse_older)
                await self._readers.open()

    async def close(self) -> None:
        """Wait for what runs, then let go of the file. Calling it again does nothing."""
        await self._readers.close()
        await self._writer.close()
        self.is_ours = False
        self._lock.release()

    async def write(self, work: Callable[[Connection], _T]) -> _T:
        """Run `work` in a transaction: durable once this returns, undone if it raises.

        Others' works may share the transaction, one after another. `work` may run more than once.

        Raises:
            DiskFull, StorageError: it could not be kept.
            Conflict: it breaks a rule of the schema.
            Whatever `work` raises.
        """
        with sqlite_errors_translated():
            return await self._writer.write(work)

    async def read(self, work: Callable[[Connection], _T]) -> _T:
        """Run `work`, which must be one SELECT, on a connection that cannot write.

        Raises:
            StorageError: it could not be read.
        """
        with sqlite_errors_translated():
            return await self._readers.read(work)

    async def wait(self, ready: Callable[[], Awaitable[bool]], *, timeout_s: float) -> None:
        """Return once `ready` says yes, asked now and after every commit, or after `timeout_s`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while True:
                    news = self._news  # taken before asking, so that no commit falls between
                    if await ready():
                        return
                    await news.wait()

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener` on the event loop after every commit, as long as there is a database."""
        self._listeners.append(listener)

    def log_bytes(self) -> int:
        """Of the write-ahead log: what was written, and is not yet copied into the file."""
        try:
            return Path(f"{self._url.database}-wal").stat().st_size
        except FileNotFoundError:
            return 0

    def _use(self, url: URL) -> None:
        self._writer = GroupWriter(writing_engine(url), on_commit=self._note_write)
        self._readers = Readers(url)

    def _note_write(self, seconds: float) -> None:
        if self._on_write is not None:
            self._on_write(seconds)
        self.commits += 1
        self._news.set()
        self._news = asyncio.Event()
        for listener in self._listeners:
            listener()

    @asynccontextmanager
    async def _closed_if_refused(self) -> AsyncIterator[None]:
        """Whatever keeps the file from being used is told with its name, and lets go of it."""
        try:
            yield
        except DataDirectoryLocked:
            await self.close()
            raise
        except (DiskFull, DataDirectoryUnusable) as error:
            await self.close()
            raise type(error)(f"{self._url.database}: {error.message}") from error
        except StorageError as error:
            await self.close()
            raise DataDirectoryUnusable(f"{self._url.database}: {error.message}") from error


def _file(connection: Connection) -> Path:
    """Where the file lies, links resolved, however the URL names it."""
    [(_number, _schema, path)] = connection.exec_driver_sql("PRAGMA database_list").all()
    return Path(path)
