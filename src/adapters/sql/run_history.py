"""What runs took, in SQL; `SqlJobRepository` writes it."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, select

from adapters.sql.database import Database
from adapters.sql.rows import row_to_past_run
from adapters.sql.tables import jobs
from domain.ports.run_history import RunHistory
from domain.run_record import PastRun, RunRecord

_OF_KIND: Final = (
    select(jobs.c.plan, jobs.c.state)
    .where(jobs.c.kind == bindparam("of_kind"))
    .order_by(jobs.c.sequence.desc())
    .limit(bindparam("at_most"))
)
_LATEST: Final = (
    select(jobs.c.id, jobs.c.kind, jobs.c.plan, jobs.c.state)
    .where(jobs.c.kind.is_not(None))
    .order_by(jobs.c.sequence.desc())
    .limit(bindparam("at_most"))
)


class SqlRunHistory(RunHistory):
    """Reads the jobs that were measured, by an index."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_kind(self, kind: str, *, limit: int = 20) -> Sequence[PastRun]:
        wanted = {"of_kind": kind, "at_most": limit}
        return await self._database.read(
            lambda connection: [
                row_to_past_run(row) for row in connection.execute(_OF_KIND, wanted).mappings()
            ]
        )

    async def latest(self, *, limit: int = 50) -> Sequence[RunRecord]:
        return await self._database.read(
            lambda connection: [
                RunRecord(job_id=row["id"], kind=row["kind"], run=row_to_past_run(row))
                for row in connection.execute(_LATEST, {"at_most": limit}).mappings()
            ]
        )
