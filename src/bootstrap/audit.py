"""`wan audit` over a data directory, whether or not a server runs on it."""

from collections.abc import Sequence

from adapters.sql.database import Database
from adapters.sql.event_log import SqlEventLog
from adapters.sql.job_repository import SqlJobRepository
from adapters.sql.library import SqlLibrary
from application.audit_jobs import AuditJobs
from bootstrap.core_container import CoreContainer
from bootstrap.settings import Settings
from domain.audit import Finding


async def audit(settings: Settings) -> tuple[Sequence[Finding], int]:
    """What is not as it must be, and how many jobs were looked at.

    Raises:
        DataDirectoryUnusable: there is nothing of ours to look at.
    """
    core = CoreContainer(settings=settings)
    core.data_directory().find()
    database = Database(settings.database_url)
    await database.open_read_only()
    try:
        auditing = AuditJobs(
            SqlJobRepository(database), SqlEventLog(database), SqlLibrary(database), core.store()
        )
        findings = [finding async for finding in auditing.execute()]
        return findings, auditing.jobs_seen
    finally:
        await database.close()
