"""Jobs, queue and event log over one memory."""

import asyncio
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction

from domain.access import Room
from domain.errors import Conflict, KeyReused, StorageError, UnknownJob
from domain.idempotency import IdempotencyKey
from domain.job import Job
from domain.job_event import JobStatus
from domain.ports.event_log import EventLog, LoggedEvent
from domain.ports.job_queue import JobQueue
from domain.ports.job_repository import JobRepository
from domain.ports.queue_gauge import QueueGauge, QueueReading
from domain.ports.run_history import RunHistory
from domain.ports.webhook_outbox import Delivery, WebhookOutbox
from domain.run_record import PastRun, RunRecord, run_kind
from domain.slot import FAVOUR_REACH
from domain.toll import LONGEST_WAIT_S
from domain.webhook import new_message_id
from tests.fakes.library import InMemoryLibrary


@dataclass
class _Kept:
    """`place` is a fraction: between two of them there is always another."""

    job: Job
    sequence: int
    turn: int
    place: Fraction

    @property
    def order(self) -> tuple[int, int, Fraction, int]:
        return (-self.job.priority, self.turn, self.place, self.sequence)


def _twin(job: Job) -> Job:
    """A copy with no events of its own. A job's values never change, but are replaced."""
    twin = copy(job)
    twin.collect_events()
    return twin


class InMemoryJobs:
    """What the seven ports share; lost with the process, and that is its only dishonesty.

    Put errors into `refusals` and as many of the next writes fail with them, in that order.
    """

    def __init__(self) -> None:
        self.refusals: list[StorageError] = []
        self.repository = InMemoryJobRepository(self)
        self.queue = InMemoryJobQueue(self)
        self.event_log = InMemoryEventLog(self)
        self.history = InMemoryRunHistory(self)
        self.library = InMemoryLibrary()
        self.gauge = InMemoryQueueGauge(self)
        self.outbox = InMemoryWebhookOutbox(self)
        self.tells_server = False
        self.keys: dict[tuple[str, str], tuple[IdempotencyKey, str, datetime]] = {}
        self.paused_at: datetime | None = None
        self._kept: dict[str, _Kept] = {}  # in the order they came
        self._events: list[LoggedEvent] = []
        self._news = asyncio.Event()

    @property
    def kept(self) -> Sequence[Job]:
        """Copies of every job, oldest first."""
        return [_twin(kept.job) for kept in self._kept.values()]

    @property
    def events(self) -> Sequence[LoggedEvent]:
        return tuple(self._events)

    def holds(self, job_id: str) -> bool:
        return job_id in self._kept

    def entry(self, job_id: str) -> _Kept:
        if job_id not in self._kept:
            raise UnknownJob(f"No generation has the id {job_id!r}.")
        return self._kept[job_id]

    def line(self, *, without: str | None = None) -> list[_Kept]:
        """What waits, in order."""
        waiting = [
            kept
            for kept in self._kept.values()
            if kept.job.status is JobStatus.QUEUED and kept.job.id != without
        ]
        return sorted(waiting, key=lambda kept: kept.order)

    def turn_at_the_end(self, job: Job) -> int:
        """The turn after the last that its client waits for; without one, the turn that has come."""
        peers = [k for k in self.line(without=job.id) if k.job.priority == job.priority]
        own = [kept.turn for kept in peers if kept.job.client == job.client]
        active = [
            kept.turn
            for kept in self._kept.values()
            if kept.job.status.is_active and kept.job.priority == job.priority
        ]
        if own:
            return max(own) + 1
        if heads := [kept.turn for kept in peers if kept.job.run_after is None]:
            return min(heads)
        if active:
            return max(active)
        return min((kept.turn for kept in peers), default=0)

    def keep(self, job: Job) -> None:
        """Keep or replace the job and append its events; everybody who waits is woken."""
        if self.refusals:
            raise self.refusals.pop(0)
        for kept in self._kept.values():
            if kept.job.id != job.id and job.status.is_active and kept.job.slot == job.slot:
                raise Conflict(f"The slot {job.slot} is taken by {kept.job.id}.")
        for event in job.collect_events():
            self._events.append(LoggedEvent(number=len(self._events) + 1, event=event))
        if job.id in self._kept:
            self._kept[job.id].job = _twin(job)
        else:
            sequence = len(self._kept) + 1
            turn = self.turn_at_the_end(job)
            self._kept[job.id] = _Kept(_twin(job), sequence, turn, Fraction(sequence))
        self.library.note(_twin(job))
        self.tell_news()

    def tell_news(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def wait(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Return once `ready`, asked now and after every write, or after `timeout_s`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not ready():
                    await self._news.wait()


class InMemoryJobRepository(JobRepository):
    """Copies on the way in and out, so that nobody holds what is kept."""

    def __init__(self, memory: InMemoryJobs) -> None:
        self._memory = memory

    async def add(
        self, job: Job, *, key: IdempotencyKey | None = None, room: Room | None = None
    ) -> Job:
        if key and (known := self._known_as(key, job.created_at)):
            return await self.get(known)
        if self._memory.holds(job.id):
            raise Conflict(f"There is a job {job.id} already.")
        if room:
            line = self._memory.line()
            own = [kept for kept in line if kept.job.client == job.client]
            room.check(waiting=len(line), own=len(own))
        self._memory.keep(copy(job))
        if key:
            self._memory.keys[key.client, key.key] = (key, job.id, job.created_at)
        job.collect_events()
        return job

    async def find(self, key: IdempotencyKey, *, at: datetime) -> Job | None:
        job_id = self._known_as(key, at)
        return None if job_id is None else await self.get(job_id)

    async def get(self, job_id: str) -> Job:
        return _twin(self._memory.entry(job_id).job)

    async def update(self, job_id: str, change: Callable[[Job], None]) -> Job:
        job = await self.get(job_id)
        before = _twin(job)
        change(job)
        if job != before and before.status.is_terminal:
            raise Conflict("A finished job never changes.")
        self._memory.keep(job)
        if job.status.is_terminal and not before.status.is_terminal:
            self._memory.outbox.post(job)
        return job

    async def list(
        self,
        *,
        statuses: Sequence[JobStatus] = (),
        before: str | None = None,
        limit: int = 50,
        client: str | None = None,
    ) -> Sequence[Job]:
        jobs = self._memory.kept
        if before is not None:
            ids = [job.id for job in jobs]
            jobs = jobs[: ids.index(before)] if before in ids else []
        wanted = [
            job
            for job in reversed(jobs)
            if (not statuses or job.status in statuses) and client in {None, job.client}
        ]
        return wanted[:limit]

    def _known_as(self, key: IdempotencyKey, at: datetime) -> str | None:
        used, job_id, since = self._memory.keys.get((key.client, key.key), (None, None, at))
        if used is None or key.begins_anew or since < at - key.lifetime:
            return None
        if used.fingerprint != key.fingerprint:
            raise KeyReused
        return job_id


class InMemoryJobQueue(JobQueue):
    """Claims without ever awaiting, so no two callers can be inside at once."""

    def __init__(self, memory: InMemoryJobs) -> None:
        self._memory = memory

    async def claim(
        self,
        *,
        at: datetime,
        slot: int = 0,
        favourite: str | None = None,
        only: AbstractSet[str] | None = None,
    ) -> Job | None:
        due = [kept.job for kept in self._startable(at)]
        if not due or (only is not None and due[0].request.checkpoint not in only):
            return None
        peers = [job for job in due if job.priority == due[0].priority][:FAVOUR_REACH]
        favourites = [job for job in peers if job.request.checkpoint == favourite]
        job = _twin((favourites or due)[0])
        job.claim(at=at, slot=slot)
        self._memory.keep(job)
        return job

    async def wait(self, *, timeout_s: float) -> None:
        await self._memory.wait(
            lambda: any(kept.job.run_after is None for kept in self._waiting()), timeout_s
        )

    async def line(
        self,
        *,
        limit: int = 200,
        client: str | None = None,
        startable_at: datetime | None = None,
    ) -> Sequence[Job]:
        line = self._memory.line() if startable_at is None else self._startable(startable_at)
        line = [k for k in line if client in {None, k.job.client}]
        return [_twin(kept.job) for kept in line[:limit]]

    async def length(self) -> int:
        return len(self._memory.line())

    async def move(
        self, job_id: str, *, at: datetime, priority: int | None = None, position: int | None = None
    ) -> Job:
        kept = self._memory.entry(job_id)
        job = _twin(kept.job)
        others = self._memory.line(without=job_id)
        if position is None:
            job.move(job.priority if priority is None else priority, at=at)
            stand = self._memory.turn_at_the_end(job), Fraction(kept.sequence)
        elif position <= len(others):
            after, before = others[position - 1], others[max(position - 2, 0)]
            job.move(after.job.priority, at=at)
            is_beside = before.order[:2] == after.order[:2] and before is not after
            lower = before.place if is_beside else after.place - 2
            stand = after.turn, (lower + after.place) / 2
        else:
            last = others[-1] if others else kept
            job.move(last.job.priority, at=at)
            stand = last.turn, (last.place + len(self._memory.kept) + 1) / 2
        self._memory.keep(job)
        kept.turn, kept.place = stand
        return job

    async def set_paused(self, *, paused: bool, at: datetime) -> None:
        self._memory.paused_at = (self._memory.paused_at or at) if paused else None
        self._memory.tell_news()

    async def paused_since(self) -> datetime | None:
        return self._memory.paused_at

    def _startable(self, at: datetime) -> Sequence[_Kept]:
        longest = at + timedelta(seconds=LONGEST_WAIT_S)
        return [
            kept
            for kept in self._waiting()
            if (after := kept.job.run_after) is None or after <= at or after > longest
        ]

    def _waiting(self) -> Sequence[_Kept]:
        return [] if self._memory.paused_at else self._memory.line()


class InMemoryEventLog(EventLog):
    """A list."""

    def __init__(self, memory: InMemoryJobs) -> None:
        self._memory = memory

    async def read(
        self,
        *,
        after: int,
        job_id: str | None = None,
        client: str | None = None,
        limit: int = 500,
    ) -> Sequence[LoggedEvent]:
        return [
            logged
            for logged in self._memory.events
            if logged.number > after
            and job_id in {None, logged.event.job_id}
            and client in {None, self._memory.entry(logged.event.job_id).job.client}
        ][:limit]

    async def latest(self) -> int:
        return len(self._memory.events)

    async def wait(self, *, after: int, timeout_s: float, job_id: str | None = None) -> None:
        def came() -> bool:
            news = self._memory.events[after:]
            return any(job_id in {None, logged.event.job_id} for logged in news)

        await self._memory.wait(came, timeout_s)


class InMemoryQueueGauge(QueueGauge):
    """Keeps no journal."""

    def __init__(self, memory: InMemoryJobs) -> None:
        self._memory = memory

    async def read(self) -> QueueReading:
        since = [kept.job.created_at for kept in self._memory.line()]
        return QueueReading(oldest_waiting_at=min(since, default=None), journal_bytes=0)


class InMemoryWebhookOutbox(WebhookOutbox):
    """`kept`: each delivery with when it is due."""

    def __init__(self, memory: InMemoryJobs) -> None:
        self._memory = memory
        self._posted = 0
        self.kept: dict[int, tuple[datetime, Delivery]] = {}

    def post(self, job: Job) -> None:
        assert job.finished_at is not None
        for url in job.told_when_over(tells_server=self._memory.tells_server):
            self._posted += 1
            number, name = self._posted, new_message_id()
            delivery = Delivery(number=number, id=name, job_id=job.id, url=url)
            self.kept[number] = (job.finished_at, delivery)
        self._memory.tell_news()

    async def due(self, *, at: datetime, limit: int) -> Sequence[Delivery]:
        by_time = sorted(self.kept.items(), key=lambda entry: (entry[1][0], entry[0]))
        return [delivery for _, (due_at, delivery) in by_time if due_at <= at][:limit]

    async def postpone(self, number: int, *, until: datetime) -> None:
        if number in self.kept:
            delivery = self.kept[number][1]
            self.kept[number] = (until, replace(delivery, tries=delivery.tries + 1))

    async def remove(self, number: int) -> None:
        self.kept.pop(number, None)

    async def length(self) -> int:
        return len(self.kept)

    async def wait(self, *, now: Callable[[], datetime], timeout_s: float) -> None:
        await self._memory.wait(
            lambda: any(due_at <= now() for due_at, _ in self.kept.values()), timeout_s
        )


class InMemoryRunHistory(RunHistory):
    """Looks at every job."""

    def __init__(self, memory: InMemoryJobs) -> None:
        self._memory = memory

    async def of_kind(self, kind: str, *, limit: int = 20) -> Sequence[PastRun]:
        runs = [
            job.past_run for job in reversed(self._memory.kept) if run_kind(job.request) == kind
        ]
        return [run for run in runs if run is not None][:limit]

    async def latest(self, *, limit: int = 50) -> Sequence[RunRecord]:
        records = [
            RunRecord(job_id=job.id, kind=run_kind(job.request), run=job.past_run)
            for job in reversed(self._memory.kept)
            if job.past_run is not None
        ]
        return records[:limit]
