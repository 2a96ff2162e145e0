"""Everything that may happen to the world, in any order: what Hypothesis draws from."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain.errors import (
    Conflict,
    DiskFull,
    DomainError,
    Preempted,
    RenderSuspended,
    WorkerCrashed,
)
from domain.idempotency import IdempotencyKey
from domain.job import Job
from domain.job_event import JobStatus
from domain.progress import Stage
from domain.rendering import StageEntered, StepFinished
from tests.fakes.examples import a_plan, a_request
from tests.fakes.hardware_probe import GIB
from tests.unit.simulation.chances import errors, keys, numbers, picks, priorities, rarely
from tests.unit.simulation.world import SLOTS, Attempt, World

#: More would only make each of them rarer to meet.
MOST_LIVE_JOBS = 5
REQUEST, PLAN = a_request(), a_plan()
STAGES = list(Stage)


def _completes(job: Job, it: Attempt, sim: "Simulation") -> None:
    job.complete(fence=it.fence, at=sim.world.wall)


#: What a worker that was given up may still tell, of a job that is another's by now.
LATE_REPORTS: tuple[Callable[[Job, Attempt, "Simulation"], None], ...] = (
    lambda job, it, sim: job.enter_stage(Stage.DECODING, fence=it.fence, at=sim.world.wall),
    lambda job, it, sim: job.finish_step(4, fence=it.fence, at=sim.world.wall),
    lambda job, it, sim: job.save_resume_point(4, fence=it.fence, at=sim.world.wall),
    lambda job, it, sim: job.begin_publishing(it.video, fence=it.fence, at=sim.world.wall),
    _completes,
    lambda job, it, sim: job.cancel(fence=it.fence, at=sim.world.wall),
    lambda job, it, sim: job.end_attempt(WorkerCrashed(), fence=it.fence, at=sim.world.wall),
)


class Simulation(RuleBasedStateMachine):
    """`job_type` is what submissions make; `steps` and `changes` count what all runs did."""

    job_type: type[Job] = Job
    steps = 0
    changes = 0
    ends: ClassVar[set[JobStatus]] = set()

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    # -- clients and operators

    @precondition(lambda self: self.world.keys or len(self.world.live) < MOST_LIVE_JOBS)
    @rule(client=st.sampled_from("ab"), priority=priorities, preempts=st.booleans(), key=keys)
    def submit(
        self, client: str, priority: int, preempts: bool, key: tuple[str, bytes] | None
    ) -> None:
        world = self.world
        named = IdempotencyKey.of(client, *key) if key else None
        known = world.keys.get((client, key[0])) if key else None
        if not known and len(world.live) >= MOST_LIVE_JOBS:
            return
        job = self.job_type.submit(
            f"gen_{len(world.jobs)}",
            REQUEST,
            at=world.wall,
            plan=PLAN,
            client=client,
            priority=priority,
            preempts=preempts,
        )
        before = len(world.jobs)
        try:
            world.gate.refuse_if_full()
            kept = world.add(job, named)
        except (DiskFull, Conflict):
            assert len(world.jobs) == before, "what was refused is not kept"
            return
        assert (kept.id == job.id) == (known is None), "a key makes one job"
        if kept.id == job.id:
            self.make_way(kept)

    def make_way(self, urgent: Job) -> None:
        """As `DispatchJobs.make_way`, with a step that is over at once."""
        world = self.world
        running = [
            (world.jobs[it.job_id].priority, number)
            for number, it in world.attempts.items()
            if world.jobs[it.job_id].status is JobStatus.RUNNING
        ]
        if not urgent.preempts or any(world.may_start(number) for number in range(SLOTS)):
            return
        if world.starts_nothing or not running or min(running)[0] >= urgent.priority:
            return
        _, number = min(running)
        self.end(number, Preempted())
        assert world.may_start(number), "a job makes way only where another can start"

    @precondition(lambda self: self.world.jobs)
    @rule(pick=picks, priority=priorities, deed=st.sampled_from(["cancel", "retry", "move"]))
    def change_ones_mind(self, pick: int, priority: int, deed: str) -> None:
        jobs = list(self.world.jobs.values())
        job = jobs[-1 - pick % min(len(jobs), 8)]
        match deed:
            case "cancel":
                self.cancel(job)
            case "retry":
                self.retry(job)
            case _:
                self.tell(job.id, lambda job: job.move(priority, at=self.world.wall))

    def cancel(self, job: Job) -> None:
        self.tell(job.id, lambda job: job.request_cancel(at=self.world.wall))
        if self.world.jobs[job.id].status is JobStatus.CANCELLED:
            self.world.points.pop(job.id, None)

    def retry(self, failed: Job) -> None:
        before = repr(failed)
        with suppress(Conflict, DiskFull):
            self.world.gate.refuse_if_full()
            self.world.add(failed.again(f"gen_{len(self.world.jobs)}", at=self.world.wall))
        assert repr(failed) == before, "a finished job never changes"

    @precondition(lambda self: self.world.is_paused or self.world.attempts)
    @rule(pauses=rarely)
    def pause_or_resume(self, pauses: bool) -> None:
        self.world.is_paused = pauses
        if not pauses:
            for slot in self.world.slots:
                slot.forgive()
            for job in self.world.line():
                self.make_way(job)

    # -- a lane and its worker

    @precondition(lambda self: len(self.world.attempts) < min(SLOTS, len(self.world.live)))
    @rule(number=numbers)
    def claim(self, number: int) -> None:
        number = next(n for n in (number, *range(SLOTS)) if n not in self.world.attempts)
        if self.world.may_start(number):
            self.world.claim(number)

    @precondition(lambda self: self.world.attempts)
    @rule(number=numbers, saves=st.booleans())
    def work(self, number: int, saves: bool) -> None:
        """The worker does what comes next, so that some runs get far."""
        if number not in self.world.attempts:
            number = next(iter(self.world.attempts))
        job = self.job_in(number)
        if job.status is JobStatus.PUBLISHING:
            self.complete(number)
        elif (job.id, job.fence) in self.world.staged:
            self.commit_intent(number)
        elif job.stage is STAGES[-1]:
            self.stage_video(number)
        elif not self.world.attempts[number].has_looked:
            self.look_for_a_resume_point(number, is_usable=True)
        elif job.stage is Stage.DENOISING and job.step < job.request.steps:
            self.step(number, saves, dies_after_saving=False)
        else:
            self.next_stage(number)

    @precondition(lambda self: self.world.attempts)
    @rule(number=numbers)
    def work_on(self, number: int) -> None:
        self.work(number, saves=True)

    @precondition(lambda self: self.has(JobStatus.RUNNING))
    @rule(number=numbers, is_usable=st.booleans())
    def look_for_a_resume_point(self, number: int, is_usable: bool) -> None:
        number = self.busy(number, JobStatus.RUNNING)
        attempt = self.world.attempts[number]
        if attempt.has_looked or self.job_in(number).step:
            return
        attempt.has_looked = True
        point = self.world.points.get(attempt.job_id)
        at, fence = self.world.wall, attempt.fence
        if point is not None and is_usable:
            self.report(number, lambda job: job.resume(point[1], fence=fence, at=at))
        elif point is not None:
            self.report(number, lambda job: job.reject_resume_point("No.", fence=fence, at=at))

    @precondition(lambda self: self.has(JobStatus.RUNNING))
    @rule(number=numbers)
    def next_stage(self, number: int) -> None:
        number = self.busy(number, JobStatus.RUNNING)
        job = self.job_in(number)
        if job.stage is None or job.stage is STAGES[-1]:
            return
        stage = STAGES[job.stage.order + 1]
        fence, at = job.fence, self.world.wall
        if self.report(number, lambda job: job.enter_stage(stage, fence=fence, at=at)):
            watchdog = self.world.attempts[number].watchdog
            watchdog.note(StageEntered(stage=stage), now=self.world.now)

    @precondition(lambda self: self.has(JobStatus.RUNNING))
    @rule(number=numbers, saves=st.booleans(), dies_after_saving=rarely)
    def step(self, number: int, saves: bool, dies_after_saving: bool) -> None:
        number = self.busy(number, JobStatus.RUNNING)
        job, world = self.job_in(number), self.world
        if job.stage is not Stage.DENOISING or job.step >= job.request.steps:
            return
        step, fence, at = job.step + 1, job.fence, world.wall
        attempt = world.attempts[number]
        if saves and world.hardware.free:
            world.points[job.id] = fence, step
            if dies_after_saving:
                self.end(number, WorkerCrashed())
                return
            self.report(number, lambda job: job.save_resume_point(step, fence=fence, at=at))
        if self.report(number, lambda job: job.finish_step(step, fence=fence, at=at)):
            attempt.watchdog.note(StepFinished(step=step), now=world.now)

    @precondition(lambda self: self.has(JobStatus.RUNNING))
    @rule(number=numbers, error=errors, jitter=st.sampled_from([0.0, 0.5, 1.0]))
    def attempt_fails(self, number: int, error: DomainError, jitter: float) -> None:
        self.end(self.busy(number, JobStatus.RUNNING), error, jitter=jitter)

    @precondition(lambda self: self.has(JobStatus.RUNNING))
    @rule(number=numbers)
    def hang(self, number: int) -> None:
        number, world = self.busy(number, JobStatus.RUNNING), self.world
        attempt = world.attempts[number]
        world.now += attempt.watchdog.remaining_s(now=world.now)
        assert attempt.watchdog.remaining_s(now=world.now) == 0, "time that is up is up"
        self.end(number, attempt.watchdog.verdict)

    @precondition(lambda self: self.has(JobStatus.RUNNING))
    @rule(number=numbers)
    def obey_cancel(self, number: int) -> None:
        number = self.busy(number, JobStatus.RUNNING)
        job = self.job_in(number)
        if job.cancel_requested_at:
            fence, at = job.fence, self.world.wall
            if self.report(number, lambda job: job.cancel(fence=fence, at=at)):
                self.world.leave(number)

    # -- publishing, instant by instant

    @precondition(lambda self: self.has(JobStatus.RUNNING))
    @rule(number=numbers)
    def stage_video(self, number: int) -> None:
        number = self.busy(number, JobStatus.RUNNING)
        job = self.job_in(number)
        if self.world.hardware.free:
            self.world.staged.add((job.id, job.fence))
        else:
            self.end(number, DiskFull())

    @precondition(lambda self: self.world.staged and self.has(JobStatus.RUNNING))
    @rule(number=numbers)
    def commit_intent(self, number: int) -> None:
        number = self.busy(number, JobStatus.RUNNING)
        attempt = self.world.attempts[number]
        if (attempt.job_id, attempt.fence) not in self.world.staged:
            return
        video, fence, at = attempt.video, attempt.fence, self.world.wall
        told = self.report(number, lambda job: job.begin_publishing(video, fence=fence, at=at))
        if told and self.world.jobs[attempt.job_id].status is JobStatus.CANCELLED:
            self.world.leave(number)

    @precondition(lambda self: self.has(JobStatus.PUBLISHING))
    @rule(number=numbers)
    def rename(self, number: int) -> None:
        self.world.publish(self.job_in(self.busy(number, JobStatus.PUBLISHING)))

    @precondition(lambda self: self.has(JobStatus.PUBLISHING))
    @rule(number=numbers)
    def complete(self, number: int) -> None:
        number = self.busy(number, JobStatus.PUBLISHING)
        job = self.job_in(number)
        self.world.publish(job)
        fence, at = job.fence, self.world.wall
        if self.report(number, lambda job: job.complete(fence=fence, at=at)):
            self.world.slots[number].note_end(job.id, None, now=self.world.now)
            self.world.leave(number)

    # -- what nobody wants

    @precondition(lambda self: self.world.ghosts)
    @rule(pick=picks, late=st.sampled_from(LATE_REPORTS))
    def a_ghost_reports(
        self, pick: int, late: Callable[[Job, Attempt, "Simulation"], None]
    ) -> None:
        world = self.world
        # Mostly of jobs that are another's by now: of a job that is over, nobody would believe it.
        haunting = [it for it in world.ghosts if world.jobs[it.job_id].status.is_active]
        ghosts = haunting or world.ghosts
        ghost = ghosts[pick % len(ghosts)]
        if world.jobs[ghost.job_id].status is JobStatus.PUBLISHING:
            late = _completes
        self.tell(ghost.job_id, lambda job: late(job, ghost, self), fence=ghost.fence)

    @precondition(lambda self: self.world.attempts and not self.world.is_draining)
    @rule(does=rarely)
    def drain(self, does: bool) -> None:
        """Running jobs are handed back; what is publishing goes on. Then a new server starts."""
        world = self.world
        if not does:
            return
        world.is_draining = True
        for number in list(world.attempts):
            if world.jobs[world.attempts[number].job_id].status is JobStatus.RUNNING:
                self.end(number, RenderSuspended())

    @precondition(lambda self: self.world.is_draining or self.world.attempts)
    @rule(does=rarely)
    def kill_the_server(self, does: bool) -> None:
        if does or self.world.is_draining:
            self.world.recover()

    @rule(
        free=st.sampled_from([0, GIB, 5 * GIB, *[100 * GIB] * 9]),
        wall_s=st.sampled_from([-86400, -90, 1, 15, 90, 86400]),
        s=st.sampled_from([0, 1, 700]),
    )
    def the_world_turns(self, free: int, wall_s: int, s: int) -> None:
        """The disk fills or empties; the wall clock jumps as it likes, the other only grows."""
        self.world.hardware.free = free
        self.world.wall += timedelta(seconds=wall_s)
        self.world.now += s

    # -- what must be true after each

    @invariant()
    def holds(self) -> None:
        Simulation.steps += 1
        self.world.check()

    def teardown(self) -> None:
        """Whatever happened: with a healthy machine, every accepted job comes to its end."""
        self.world.recover()
        self.world.is_paused = False
        while self.world.live:
            self.world.wall += timedelta(seconds=86400)
            self.world.claim(0)
            if self.world.attempts:
                self.stage_video(0)
                self.commit_intent(0)
            if self.world.attempts:
                self.complete(0)
            self.world.check()
        Simulation.changes += sum(map(len, self.world.events.values()))
        Simulation.ends |= {job.status for job in self.world.jobs.values()}

    # -- tools

    def has(self, status: JobStatus) -> bool:
        """Whether an attempt's job is there."""
        jobs, attempts = self.world.jobs, self.world.attempts
        return any(jobs[it.job_id].status is status for it in attempts.values())

    def busy(self, number: int, status: JobStatus) -> int:
        """That slot if its job is there, or another whose is."""
        slots = [at for at in self.world.attempts if self.job_in(at).status is status]
        return number if number in slots else slots[0]

    def job_in(self, number: int) -> Job:
        return self.world.jobs[self.world.attempts[number].job_id]

    def report(self, number: int, change: Callable[[Job], None]) -> bool:
        """The worker in that slot tells something. Whether it was kept."""
        attempt = self.world.attempts[number]
        return self.tell(attempt.job_id, change, fence=attempt.fence)

    def tell(self, job_id: str, change: Callable[[Job], None], *, fence: int | None = None) -> bool:
        before = self.world.jobs[job_id]
        try:
            self.world.update(job_id, change, fence=fence)
        except (DomainError, DiskFull):
            assert self.world.jobs[job_id] is before, "what was refused changed nothing"
            return False
        return True

    def end(self, number: int, error: DomainError, *, jitter: float = 1.0) -> None:
        """The attempt ends, unless that cannot be written yet: then it is insisted on, later."""
        try:
            self.world.end(number, error, jitter=jitter)
        except DiskFull:
            return
