"""The connections that read: each has a thread of aiosqlite's, where a read runs as a whole. ADR-0055.

One trip there and back. SQLAlchemy's own way makes one for each step of a SELECT, and a trip takes longer than
finding a row.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Final, TypeVar, cast

import aiosqlite
from sqlalchemy import URL, Connection, Engine

from adapters.sql.connections import reading_engine
from domain.errors import StorageError

#: A read takes under a millisecond, so few serve many.
READERS: Final = 3
#: Seconds to wait for one of them that is free.
PATIENCE_S: Final = 60.0
#: Rows that aiosqlite would fetch at a time where one iterates over a cursor; nobody does.
_CHUNK: Final = 64

_T = TypeVar("_T")


class Readers:
    """A few connections that cannot write."""

    def __init__(self, url: URL) -> None:
        """Opens nothing."""
        self._url = url
        self._free: asyncio.Queue[_Reader] = asyncio.Queue()
        self._opened = 0

    async def open(self) -> None:
        """Open them all. The file must be there, and one that can be read."""
        for _ in range(READERS):
            reader = _Reader(reading_engine(self._url))
            await reader
            self._free.put_nowait(reader)
            self._opened += 1

    async def read(self, work: Callable[[Connection], _T]) -> _T:
        """Run `work`, to its end whether or not its caller is cancelled.

        Raises:
            DBAPIError: it could not be read.
            StorageError: they are closed, or others have used all of them for too long.
            Whatever `work` raises.
        """
        if not self._opened:
            raise StorageError("The database is closed.")
        reader = await self._next_free()
        try:
            return await reader.read(work)
        finally:
            self._free.put_nowait(reader)

    async def close(self) -> None:
        """Wait for what runs, then close them. Calling it again does nothing."""
        opened, self._opened = self._opened, 0
        for _ in range(opened):
            await (await self._free.get()).close()

    async def _next_free(self) -> "_Reader":
        try:
            return self._free.get_nowait()
        except asyncio.QueueEmpty:
            pass
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._free.get()
        except TimeoutError as error:
            raise StorageError("The database is too busy to answer: try again.") from error


class _Reader(aiosqlite.Connection):
    """One of them, to be awaited."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(self._open, iter_chunk_size=_CHUNK)
        self._thread.daemon = True  # as SQLAlchemy has it: none keeps the process alive
        self._engine = engine

    async def read(self, work: Callable[[Connection], _T]) -> _T:
        return cast(_T, await self._execute(self._run, work))  # type: ignore[no-untyped-call]

    def _open(self) -> sqlite3.Connection:
        with self._engine.connect() as connection:
            return cast(sqlite3.Connection, connection.connection.driver_connection)

    def _run(self, work: Callable[[Connection], _T]) -> _T:
        with self._engine.connect() as connection:
            return work(connection)
