"""A server small enough to be killed a hundred thousand times: jobs, slots and files in memory.

The rules are the real ones (Job, Toll, Slot, Watchdog, DiskGate, the audit); only what they are kept
in is not. Every change of a job is audited at once, the rest of the world by `check`.
"""

from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from application.disk_gate import DiskGate
from domain.audit import Finding, audit_file, audit_job, audit_outputs, audit_slots
from domain.errors import Conflict, DiskFull, DomainError, RenderSuspended
from domain.idempotency import IdempotencyKey
from domain.job import Job
from domain.job_event import JobEvent, JobStatus
from domain.library import state_of
from domain.memory_ladder import relief_by_rung
from domain.progress import Stage
from domain.slot import Slot
from domain.toll import LONGEST_WAIT_S
from domain.video import SealedFile, VideoFile
from domain.watchdog import Budgets, Watchdog
from tests.fakes.examples import a_video
from tests.fakes.hardware_probe import GIB, FakeHardwareProbe

SLOTS = 2
A_VIDEO = a_video()


class Violation(AssertionError):
    """An invariant does not hold."""


@dataclass(slots=True)
class Attempt:
    """A worker at its job; one that is no longer in a slot may still believe in it."""

    job_id: str
    fence: int
    watchdog: Watchdog
    has_looked: bool = False

    @property
    def video(self) -> VideoFile:
        """The file it makes: no two attempts make the same."""
        return replace(A_VIDEO, sha256=f"{self.job_id}.{self.fence}")


class World:
    """What outlives the server is in `jobs`, `events`, `keys` and the files; the rest dies with it."""

    def __init__(self) -> None:
        self.wall = datetime(2026, 1, 1, 12, tzinfo=UTC)
        self.now = 0.0
        self.hardware = FakeHardwareProbe()
        self.gate = DiskGate(self.hardware, soft_bytes=10 * GIB, hard_bytes=2 * GIB)
        self.jobs: dict[str, Job] = {}
        self.events: dict[str, list[JobEvent]] = {}
        self.keys: dict[tuple[str, str], tuple[IdempotencyKey, str]] = {}
        self.is_paused = False
        self.acknowledged: list[str] = []
        self.staged: set[tuple[str, int]] = set()
        self.published: dict[str, str] = {}
        self.points: dict[str, tuple[int, int]] = {}
        self.ghosts: list[Attempt] = []
        self.start()

    def start(self) -> None:
        """What a new process begins with."""
        self.slots = [Slot(number) for number in range(SLOTS)]
        self.attempts: dict[int, Attempt] = {}
        self.is_draining = False

    # -- what is kept

    def add(self, job: Job, key: IdempotencyKey | None = None) -> Job:
        """As `JobRepository.add`; whoever gets a job back was told that it is accepted."""
        if key and (known := self.keys.get((key.client, key.key))):
            if known[0] != key:
                raise Conflict("The key was used for something else.")
            return self.jobs[known[1]]
        self._write(job, before=None)
        if key:
            self.keys[key.client, key.key] = key, job.id
        self.acknowledged.append(job.id)
        return job

    def update(
        self, job_id: str, change: Callable[[Job], None], *, fence: int | None = None
    ) -> Job:
        """As `JobRepository.update`. `fence`: of the attempt that tells it."""
        before = self.jobs[job_id]
        job = copy(before)
        job._events = []
        change(job)
        if fence is not None and fence != before.fence:
            raise Violation(f"I12 {job_id}: attempt {before.fence} owned it, but {fence} was heard")
        self._write(job, before)
        return job

    def _write(self, job: Job, before: Job | None) -> None:
        if self.hardware.free < 1:
            raise DiskFull
        self.jobs[job.id] = job
        self.events.setdefault(job.id, []).extend(job.collect_events())
        if before is not None:
            _must_follow(job, before)
        _none(audit_job(job, self.events[job.id]))
        _none(audit_file(job, state_of(job.status), self._file(job.id)))

    def _file(self, job_id: str) -> SealedFile | None:
        sha256 = self.published.get(job_id)
        return SealedFile(sha256=sha256, size_bytes=A_VIDEO.size_bytes) if sha256 else None

    # -- what is looked at

    @property
    def live(self) -> list[Job]:
        return [job for job in self.jobs.values() if not job.status.is_terminal]

    def line(self) -> list[Job]:
        """What may be claimed now, first first."""
        horizon = self.wall + timedelta(seconds=LONGEST_WAIT_S)
        due = [
            job
            for job in self.live
            if job.status is JobStatus.QUEUED
            and (job.run_after is None or job.run_after <= self.wall or job.run_after > horizon)
        ]
        return sorted(due, key=lambda job: -job.priority)

    @property
    def starts_nothing(self) -> bool:
        return self.is_paused or self.is_draining or self.gate.problem() is not None

    def may_start(self, number: int) -> bool:
        return (
            number not in self.attempts
            and not self.starts_nothing
            and self.slots[number].may_work(now=self.now)
        )

    def check(self) -> None:
        """What no single job can tell."""
        live = self.live
        _none(audit_slots(live))
        _none(audit_outputs(self.published, {job.id: job.status for job in self.jobs.values()}))
        lost = [job_id for job_id in self.acknowledged if job_id not in self.jobs]
        _must(not lost, f"I7 {lost}: acknowledged and lost")
        named = [job_id for _, job_id in self.keys.values()]
        _must(len(named) == len(set(named)), "I8: two keys made one job")
        working = {(at, it.job_id, it.fence) for at, it in self.attempts.items()}
        active = {(job.slot, job.id, job.fence) for job in live if job.status.is_active}
        _must(working == active, f"active {active}, but in the slots {working}")
        ids = {job.id for job in live}
        _must(self.points.keys() <= ids, "a finished job left a resume point")
        _must({job_id for job_id, _ in self.staged} <= ids, "a finished job left a staged file")

    # -- what a lane does

    def claim(self, number: int) -> None:
        line = self.line()
        if not line:
            return
        job = self.update(line[0].id, lambda job: job.claim(at=self.wall, slot=number))
        watchdog = Watchdog(Budgets(), now=self.now)
        self.attempts[number] = Attempt(job.id, job.fence, watchdog)

    def end(self, number: int, error: DomainError, *, jitter: float = 1.0) -> None:
        """The attempt in that slot ends in `error`; its worker may not know."""
        attempt = self.attempts[number]

        def change(job: Job) -> None:
            relief = relief_by_rung(Stage.DECODING, job.toll.oom_level, job.plan)
            job.end_attempt(error, fence=attempt.fence, at=self.wall, jitter=jitter, relief=relief)

        self.update(attempt.job_id, change, fence=attempt.fence)
        self.slots[number].note_end(attempt.job_id, error, now=self.now)
        self.leave(number)

    def leave(self, number: int) -> None:
        """The attempt is over: what nobody will need is removed."""
        attempt = self.attempts.pop(number)
        self.ghosts = [*self.ghosts[-5:], attempt]
        self.staged.discard((attempt.job_id, attempt.fence))
        if self.jobs[attempt.job_id].status.is_terminal:
            self.points.pop(attempt.job_id, None)

    def publish(self, job: Job) -> bool:
        """As `ArtifactStore.publish`. Whether the file is there."""
        if (job.id, job.fence) in self.staged:
            self.staged.discard((job.id, job.fence))
            self.published[job.id] = f"{job.id}.{job.fence}"
        return job.video is not None and self.published.get(job.id) == job.video.sha256

    def recover(self) -> None:
        """A new server after one that died: as `RecoverJobs`, with space on the disk again."""
        self.ghosts = [*self.ghosts[-3:], *self.attempts.values()]
        self.hardware.free = 100 * GIB
        self.start()
        for job in [job for job in self.live if job.status.is_active]:
            is_whole = job.status is JobStatus.PUBLISHING and self.publish(job)
            self.update(job.id, self._complete if is_whole else self._give_back)
        self.staged.clear()
        ids = {job.id for job in self.live}
        self.points = {job_id: at for job_id, at in self.points.items() if job_id in ids}

    def _complete(self, job: Job) -> None:
        job.complete(fence=job.fence, at=self.wall)

    def _give_back(self, job: Job) -> None:
        job.end_attempt(RenderSuspended(), fence=job.fence, at=self.wall)


def _must_follow(job: Job, before: Job) -> None:
    """What may not happen between two states of a job, however it came."""
    if before.status.is_terminal:
        _must(job == before, f"I11 {job.id}: it was {before.status}, and changed")
    _must(job.fence in {before.fence, before.fence + 1}, f"I4 {job.id}: its fence jumped or fell")
    was, now = before.toll, job.toll
    counted = ("failures", "oom_level", "reliefs", "rejections")
    kept = all(getattr(now, name) >= getattr(was, name) for name in counted)
    _must(kept, f"I10 {job.id}: {was} became {now}")
    forgivable = ("crashes", "interruptions", "absences")
    forgiven = any(getattr(now, name) < getattr(was, name) for name in forgivable)
    got_further = (
        job.furthest[::-1] > before.furthest[::-1] or job.furthest_saved > before.furthest_saved
    )
    _must(got_further or not forgiven, f"I10 {job.id}: forgiven without progress")


def _none(findings: Iterable[Finding]) -> None:
    for finding in findings:
        raise Violation(str(finding))


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Violation(otherwise)
