"""Everything a server is made of, and how it hangs together."""

import sys
from collections.abc import Sequence

import msgspec
from dependency_injector import containers, providers

from adapters.inprocess.renderer import InProcessRenderer
from adapters.sql.database import Database
from adapters.sql.event_log import SqlEventLog
from adapters.sql.job_queue import SqlJobQueue
from adapters.sql.job_repository import SqlJobRepository
from adapters.subprocess.renderer import SubprocessRenderer
from application.cancel_generation import CancelGeneration
from application.dispatch_jobs import DispatchJobs
from application.queries import Queries
from application.recover_jobs import RecoverJobs
from application.run_generation import RunGeneration
from application.submit_generation import SubmitGeneration
from bootstrap import settings as known
from bootstrap.core_container import CoreContainer
from bootstrap.settings import Settings, visible_accelerators, worker_environment
from domain.ports.artifact_store import ArtifactStore
from domain.ports.clock import Clock
from domain.ports.hardware_probe import HardwareProbe
from domain.ports.job_repository import JobRepository
from domain.ports.renderer import Renderer


def _renderers(
    settings: Settings, hardware: HardwareProbe, core: CoreContainer
) -> Sequence[Renderer]:
    """One renderer per worker, each with an accelerator of its own where there are any."""
    if settings.renderer == "inprocess":
        # Imported only here: whoever asks for it wants the pipeline in the server's own process.
        from bootstrap.render_container import render_container

        return [InProcessRenderer(render_container(core).render_video().execute)]
    accelerators = visible_accelerators([found.index for found in hardware.read().accelerators])
    count = (len(accelerators) or 1) if settings.workers == "auto" else settings.workers
    # A worker never opens the database, so it is not told where that is.
    told = msgspec.structs.replace(settings, database=known.Database())
    command = (sys.executable, "-m", "bootstrap.worker", msgspec.json.encode(told).decode())
    return [
        SubprocessRenderer(
            command,
            environment=worker_environment(
                accelerators[index % len(accelerators)] if accelerators else None
            ),
        )
        for index in range(count)
    ]


def _lanes(
    repository: JobRepository, renderers: Sequence[Renderer], store: ArtifactStore, clock: Clock
) -> Sequence[RunGeneration]:
    return [RunGeneration(repository, renderer, store, clock) for renderer in renderers]


class ServerContainer(containers.DeclarativeContainer):
    """The server's own parts over the core's. Nothing is opened or started by making them."""

    core = providers.DependenciesContainer()
    settings = core.settings

    database = providers.Singleton(Database, settings.provided.database_url)
    repository = providers.Singleton(SqlJobRepository, database)
    queue = providers.Singleton(SqlJobQueue, database)
    event_log = providers.Singleton(SqlEventLog, database)
    renderers = providers.Singleton(_renderers, settings, core.hardware, core)

    submit = providers.Factory(SubmitGeneration, core.complete_draft, repository, core.clock)
    cancel = providers.Factory(CancelGeneration, repository, renderers, core.clock)
    queries = providers.Factory(Queries, repository, event_log, core.store)
    recover = providers.Factory(RecoverJobs, repository, core.store, core.clock)
    lanes = providers.Singleton(_lanes, repository, renderers, core.store, core.clock)
    dispatch = providers.Singleton(DispatchJobs, queue, repository, lanes, core.clock)
