"""`wan plan` by what is here: the machine, the files, and what earlier runs took."""

import asyncio
from collections.abc import Callable

from adapters.sql.database import Database
from adapters.sql.run_history import SqlRunHistory
from application.estimate_generation import Estimate, EstimateGeneration, Imagined
from bootstrap.core_container import CoreContainer
from bootstrap.settings import Settings
from domain.errors import DataDirectoryUnusable
from domain.hardware import Capacity


def estimator(settings: Settings) -> Callable[[Imagined], Estimate]:
    """Plans one video after another. A database is read where there is one, in use or not."""
    return lambda asked: asyncio.run(_estimate(settings, asked))


async def _estimate(settings: Settings, asked: Imagined) -> Estimate:
    core = CoreContainer(settings=settings)

    def planning(history: SqlRunHistory | None) -> EstimateGeneration:
        def capacity() -> Capacity:
            return core.hardware().read().capacity

        return EstimateGeneration(core.catalog(), history, capacity, core.loras())

    database = Database(settings.database_url)
    try:
        await database.open_read_only()
    except DataDirectoryUnusable:  # nothing was ever made here, or by an older version
        return await planning(None).execute(asked)
    try:
        return await planning(SqlRunHistory(database)).execute(asked)
    finally:
        await database.close()
