"""Every adapter of the ports that keep jobs, each over storage of its own."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.sql.database import Database
from adapters.sql.event_log import SqlEventLog
from adapters.sql.job_queue import SqlJobQueue
from adapters.sql.job_repository import SqlJobRepository
from adapters.sql.library import SqlLibrary
from adapters.sql.queue_gauge import SqlQueueGauge
from adapters.sql.run_history import SqlRunHistory
from adapters.sql.webhook_outbox import SqlWebhookOutbox
from domain.ports.event_log import EventLog
from domain.ports.job_queue import JobQueue
from domain.ports.job_repository import JobRepository
from domain.ports.library import Library
from domain.ports.queue_gauge import QueueGauge
from domain.ports.run_history import RunHistory
from domain.ports.webhook_outbox import WebhookOutbox
from tests.fakes.jobs import InMemoryJobs


@dataclass(frozen=True)
class Kept:
    """Seven ports that see the same jobs."""

    repository: JobRepository
    queue: JobQueue
    event_log: EventLog
    history: RunHistory
    library: Library
    gauge: QueueGauge
    outbox: WebhookOutbox


@pytest.fixture(params=["sql", "memory"])
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kept]:
    if request.param == "memory":
        memory = InMemoryJobs()
        memory.tells_server = True
        ports = (memory.repository, memory.queue, memory.event_log, memory.history)
        yield Kept(*ports, memory.library, memory.gauge, memory.outbox)
        return
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'jobs.db'}")
    await database.open()
    yield Kept(
        SqlJobRepository(database, tells_server=True),
        SqlJobQueue(database),
        SqlEventLog(database),
        SqlRunHistory(database),
        SqlLibrary(database),
        SqlQueueGauge(database),
        SqlWebhookOutbox(database),
    )
    await database.close()


@pytest.fixture
def repository(kept: Kept) -> JobRepository:
    return kept.repository


@pytest.fixture
def queue(kept: Kept) -> JobQueue:
    return kept.queue


@pytest.fixture
def event_log(kept: Kept) -> EventLog:
    return kept.event_log


@pytest.fixture
def history(kept: Kept) -> RunHistory:
    return kept.history


@pytest.fixture
def library(kept: Kept) -> Library:
    return kept.library


@pytest.fixture
def gauge(kept: Kept) -> QueueGauge:
    return kept.gauge


@pytest.fixture
def outbox(kept: Kept) -> WebhookOutbox:
    return kept.outbox
