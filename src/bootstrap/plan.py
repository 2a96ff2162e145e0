"""`wan plan` by what is here: the machine, the files, and what earlier runs took."""

import asyncio
from collections.abc import Callable

from adapters.sql.database import Database
from adapters.sql.run_history import SqlRunHistory
from application.estimate_generation import Estimate, EstimateGeneration, Imagined
from bootstrap.core_container import CoreContainer
from bootstrap.places import capacity_in, find_places
from bootstrap.settings import Settings
from domain.errors import DataDirectoryUnusable
from domain.hardware import Capacity


def estimator(settings: Settings) -> Callable[[Imagined], Estimate]:
    """Plans one video after another. A database is read where there is one, in use or not."""
    core = CoreContainer(settings=settings)
    return lambda asked: asyncio.run(estimate(core, asked))


async def estimate(core: CoreContainer, asked: Imagined) -> Estimate:
    """The plan of one video, in the memory that a server's workers would have here.

    Raises: see `EstimateGeneration.execute`.
    """
    settings, hardware = core.settings(), core.hardware()

    def capacity() -> Capacity:
        return capacity_in(find_places(settings, hardware), hardware.read)()

    def planning(history: SqlRunHistory | None) -> EstimateGeneration:
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
