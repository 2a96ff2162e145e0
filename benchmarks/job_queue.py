"""How fast jobs are taken in and handed out, durably, and whether that lasts as they pile up.

Run with: python benchmarks/job_queue.py [finished] [queued]
Prints submissions per second through the use case `SubmitGeneration`, and how long one submission and
one claim take in a small database and in one of 1,000,000 finished and 100,000 waiting jobs (about
2 GB in the temporary folder). Targets: 1,000 submissions/s from concurrent clients; p99 at most doubled.
"""

import asyncio
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from sqlalchemy import Connection
from sqlalchemy.event import listen

from adapters.sql.rows import event_to_row, job_to_row
from application.submission import Submission
from bootstrap.core_container import CoreContainer
from bootstrap.server_container import ServerContainer
from bootstrap.settings import load_settings
from domain.generation import GenerationDraft
from domain.job import Job
from domain.job_event import JobStatus
from tests.fakes.examples import a_job_that_is

SUBMISSION = Submission(
    draft=GenerationDraft(prompt="a red circle moving right on a blue background")
)
SMALL = (1_000, 1_000)  # finished, waiting
BIG = (1_000_000, 100_000)
#: Clients among whom the waiting jobs are spread.
CLIENTS = 100
#: Seconds of each measured flood.
FLOOD_S = 8.0
#: Submissions and claims timed in each database, in turn.
ROUNDS = 1_000


class Service:
    """A server's own parts over one data directory; nothing is dispatched."""

    def __init__(self, folder: Path) -> None:
        settings = load_settings(
            overrides={"data_dir": str(folder), "limits.waiting": 0}, environment={}
        )
        core = CoreContainer(settings=settings)
        core.data_directory().prepare()
        container = ServerContainer(core=core)
        self.file = core.data_directory().database
        self.database = container.database()
        self.repository = container.repository()
        self.queue = container.queue()
        self._clock = core.clock()
        self._submit = container.submit()
        self.commits = 0

    async def open(self) -> None:
        await self.database.open()
        await self.database.write(
            lambda connection: listen(connection.engine, "commit", self._count_commit)
        )

    async def submit(self) -> None:
        await self._submit.execute(SUBMISSION)

    async def claim(self) -> Job:
        job = await self.queue.claim(at=self._clock.now(), slot=0)
        assert job is not None, "something waits"
        return job

    async def finish(self, claimed: Job) -> None:
        at = self._clock.now()
        await self.repository.update(claimed.id, lambda job: job.cancel(fence=job.fence, at=at))

    async def flood(self, clients: int, seconds: float) -> tuple[float, float]:
        """Submissions per second, and submissions per commit."""
        done, self.commits = 0, 0
        until = time.monotonic() + seconds

        async def client() -> None:
            nonlocal done
            while time.monotonic() < until:
                await self.submit()
                done += 1

        began = time.monotonic()
        await asyncio.gather(*(client() for _ in range(clients)))
        return done / (time.monotonic() - began), done / self.commits

    def _count_commit(self, _connection: Connection) -> None:
        self.commits += 1


async def timed(act: Callable[[], Awaitable[Job | None]], into: list[float]) -> Job | None:
    began = time.perf_counter()
    result = await act()
    into.append((time.perf_counter() - began) * 1000)
    return result


class Latencies:
    """Milliseconds of submissions and claims in one database."""

    def __init__(self) -> None:
        self.submit: list[float] = []
        self.claim: list[float] = []

    async def measure(self, service: Service) -> None:
        await timed(service.submit, self.submit)
        claimed = await timed(service.claim, self.claim)
        assert claimed is not None
        await service.finish(claimed)


def fill(path: Path, finished: int, queued: int) -> None:
    """As if that many jobs had gone through: rows and their first and last events, in bulk."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("synchronous = OFF", "cache_size = -1000000", "foreign_keys = OFF"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")
        _insert(connection, a_job_that_is(JobStatus.COMPLETED), finished, turn="0")
        _insert(connection, a_job_that_is(JobStatus.QUEUED), queued, turn=f"n / {CLIENTS}")
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _insert(connection: sqlite3.Connection, example: Job, count: int, *, turn: str) -> None:
    row = job_to_row(example)
    first, *_, last = [event_to_row(e)["event"] for e in (*example.collect_events(),) * 2]
    columns = [name for name in row if name not in {"id", "client"}]
    connection.execute(
        f"""
        WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers LIMIT {count})
        INSERT INTO jobs (id, client, turn, place, {", ".join(columns)})
        SELECT 'gen_' || lower(hex(randomblob(16))), 'client' || n % {CLIENTS}, {turn},
            n + (SELECT coalesce(max(sequence), 0) + 1 FROM jobs), {", ".join(f":{c}" for c in columns)}
        FROM numbers
        """,
        row,
    )
    for event in (first, last):
        connection.execute(
            "INSERT INTO events (job_id, event) SELECT id, ? FROM jobs ORDER BY sequence DESC LIMIT ?",
            [event, count],
        )


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


async def main(finished: int, queued: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        services = {name: Service(Path(folder) / name) for name in ("flood", "small", "big")}
        for service in services.values():
            await service.open()
        began = time.monotonic()
        fill(services["small"].file, *SMALL)
        fill(services["big"].file, finished, queued)
        size = services["big"].file.stat().st_size / 1e9
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; {finished:,} finished and "
              f"{queued:,} waiting jobs are {size:.1f} GB, made in {time.monotonic() - began:.0f} s\n")  # fmt: skip
        await _print_rates(services["flood"])
        await _print_latencies(services["small"], services["big"])
        for service in services.values():
            await service.database.close()


async def _print_rates(service: Service) -> None:
    print("clients   submissions/s   per commit")
    for clients in (1, 64):
        rate, group = await service.flood(clients, FLOOD_S)
        print(f"{clients:>7}   {rate:>13,.0f}   {group:>10.1f}")


async def _print_latencies(small: Service, big: Service) -> None:
    alone = {small: Latencies(), big: Latencies()}
    for _ in range(ROUNDS):  # in turn, so that whatever else the machine does falls on both
        for service, latencies in alone.items():
            await latencies.measure(service)
    crowded = {small: Latencies(), big: Latencies()}
    for service, latencies in [*crowded.items()] * 5:
        flood = asyncio.create_task(service.flood(63, FLOOD_S / 4))
        while not flood.done():
            await latencies.measure(service)
    print(
        "\nmilliseconds                   small p50     p99      big p50     p99    p99 big/small"
    )
    for title, measured in (("", alone), (", 63 clients submitting", crowded)):
        for verb in ("submit", "claim"):
            few, many = (getattr(latencies, verb) for latencies in measured.values())
            ratio = percentile(many, 99) / percentile(few, 99)
            print(f"{verb + title:<30} {percentile(few, 50):>9.1f} {percentile(few, 99):>7.1f} "
                  f"{percentile(many, 50):>12.1f} {percentile(many, 99):>7.1f} {ratio:>16.2f}")  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main(*(int(number) for number in sys.argv[1:] or BIG)))
