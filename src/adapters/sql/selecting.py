"""A SELECT under aiosqlite in one trip to its connection's thread and back.

aiosqlite makes one of each step: open a cursor, execute, fetch, close. A trip takes longer than finding a row.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final, Self, TypeAlias

import aiosqlite

#: Rows that aiosqlite would fetch at a time where one iterates over a cursor; nobody does.
_CHUNK: Final = 64
#: PEP 249's description of the rows (None where there can be none), and the rows.
_Selection: TypeAlias = tuple[Any, Sequence[tuple[Any, ...]]]


class SelectingConnection(aiosqlite.Connection):
    """aiosqlite's own, whose cursors have read everything once they have executed."""

    def __init__(self, database: str, **options: Any) -> None:
        """To be awaited; takes what `sqlite3.connect` does."""
        super().__init__(lambda: sqlite3.connect(database, **options), iter_chunk_size=_CHUNK)
        self._thread.daemon = True  # as SQLAlchemy has it: none keeps the process alive

    def cursor(self) -> "_Selected":  # type: ignore[override]  # what SQLAlchemy asks of a cursor
        return _Selected(self)

    async def select(self, statement: str, parameters: Sequence[Any]) -> _Selection:
        """All that `statement` finds."""
        selection: _Selection = await self._execute(self._select, statement, parameters)  # type: ignore[no-untyped-call]
        return selection

    def _select(self, statement: str, parameters: Sequence[Any]) -> _Selection:
        cursor = self._conn.execute(statement, parameters)
        try:
            return cursor.description, cursor.fetchall()
        finally:
            cursor.close()


class _Selected(aiosqlite.Cursor):
    """A cursor that has read everything once it has executed: as much of one as SQLAlchemy needs to read."""

    rowcount = -1  # nothing is changed
    description: Any = None  # of PEP 249

    def __init__(self, connection: SelectingConnection) -> None:
        self._selecting = connection
        self._rows: Sequence[tuple[Any, ...]] = ()

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Self:  # type: ignore[override]
        self.description, self._rows = await self._selecting.select(sql, parameters)
        return self

    async def fetchall(self) -> Sequence[tuple[Any, ...]]:  # type: ignore[override]  # no sqlite3.Row
        return self._rows

    async def close(self) -> None:
        self._rows = ()
