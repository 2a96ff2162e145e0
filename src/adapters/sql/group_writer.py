"""The one connection that writes: what waits together is committed together. ADR-0007.

Knows nothing of what is written.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from domain.errors import StorageError

#: Works in one transaction at most, so that its last one is answered soon: at a third of a
#: millisecond each, within a tenth of a second.
MAX_GROUP: Final = 256

_T = TypeVar("_T")
Work: TypeAlias = Callable[[Connection], Any]  # whatever its caller wants back


@dataclass(frozen=True, slots=True)
class _Done:
    result: Any


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


class _TransactionLost(Exception):
    """SQLite undid the whole transaction because of one work's `error`: a full disk, say."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class GroupWriter:
    """Runs works one after another in a thread of its own, and commits those that waited together.

    Each has a savepoint, so that one which raises is undone alone. Nobody is answered before the
    COMMIT they share, and its one fsync, have returned.
    """

    def __init__(self, engine: Engine, *, on_commit: Callable[[float], None]) -> None:
        """Starts nothing.

        Args:
            engine: opens the connection, and is disposed of in `close`.
            on_commit: called on the event loop once a group has been written, or has not, with the
                seconds that took.
        """
        self._engine = engine
        self._on_commit = on_commit
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sql-writer")
        self._waiting: deque[tuple[Work, asyncio.Future[Any]]] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._is_closed = False

    async def write(self, work: Callable[[Connection], _T]) -> _T:
        """Run `work` in a transaction: durable once this returns, undone if it raises.

        Once handed over it runs to its end, whether or not its caller is cancelled.

        Raises:
            DBAPIError: SQLite could not keep it.
            StorageError: `close` was called.
            Whatever `work` raises.
        """
        if self._is_closed:
            raise StorageError("The database is closed.")
        answer: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, answer))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        return await answer

    async def run(self, task: Callable[[Connection], _T]) -> _T:
        """Run `task` on the connection outside any transaction, before or after the groups.

        Raises:
            DBAPIError: SQLite could not do it.
            Whatever `task` raises.
        """

        def alone() -> _T:
            with self._engine.connect() as connection:
                return task(connection)

        return await asyncio.get_running_loop().run_in_executor(self._thread, alone)

    async def close(self) -> None:
        """Write what waits, then let go of the file. Calling it again does nothing."""
        self._is_closed = True
        while self._writing is not None:
            await asyncio.wait([self._writing])
        self._thread.shutdown(wait=False)
        # The last connection to close copies the log into the file: not on the event loop.
        await asyncio.to_thread(self._engine.dispose)

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_GROUP))]
                works = [work for work, _ in group]
                began_s = time.perf_counter()
                committing = loop.run_in_executor(self._thread, self._commit, works)
                await asyncio.wait([committing])
                fault = committing.exception()
                outcomes = [_Failed(fault)] * len(group) if fault else committing.result()
                for (_, answer), outcome in zip(group, outcomes, strict=True):
                    _give(answer, outcome)
                self._on_commit(time.perf_counter() - began_s)
        finally:
            self._writing = None

    def _commit(self, works: Sequence[Work]) -> Sequence[_Done | _Failed]:
        """What became of each; where the transaction was lost, each is tried in one of its own."""
        try:
            return self._transact(works)
        except _TransactionLost as lost:
            if len(works) == 1:
                return [_Failed(lost.error)]
            return [outcome for work in works for outcome in self._commit([work])]
        except DBAPIError as error:
            return [_Failed(error)] * len(works)

    def _transact(self, works: Sequence[Work]) -> Sequence[_Done | _Failed]:
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            outcomes = [_attempt(connection, work) for work in works]
            try:
                connection.commit()
            except DBAPIError:
                connection.invalidate()  # what it holds in memory may differ from what the disk does
                raise
        return outcomes


def _attempt(connection: Connection, work: Work) -> _Done | _Failed:
    connection.exec_driver_sql("SAVEPOINT work")
    outcome: _Done | _Failed
    try:
        outcome = _Done(work(connection))
    except Exception as error:  # it is raised again where it was asked for
        if not _is_in_transaction(connection):
            raise _TransactionLost(error) from error
        connection.exec_driver_sql("ROLLBACK TO work")
        outcome = _Failed(error)
    connection.exec_driver_sql("RELEASE work")
    return outcome


def _is_in_transaction(connection: Connection) -> bool:
    driver = connection.connection.driver_connection
    return driver is not None and bool(driver.in_transaction)


def _give(answer: asyncio.Future[Any], outcome: _Done | _Failed) -> None:
    if answer.done():
        return  # its caller was cancelled, and asks no more
    if isinstance(outcome, _Done):
        answer.set_result(outcome.result)
    else:
        answer.set_exception(outcome.error)
