"""Every invariant, violated on purpose, is found; a legal life has no findings."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from domain.audit import Finding, audit_file, audit_job, audit_outputs, audit_slots
from domain.errors import (
    DomainError,
    NoProgress,
    OutOfAcceleratorMemory,
    Preempted,
    RenderFailed,
    RenderSuspended,
    StorageError,
    WorkerCrashed,
)
from domain.job import Job
from domain.job_event import EventKind, JobEvent, JobStatus
from domain.library import OutputState, state_of
from domain.progress import Stage
from domain.video import SealedFile
from tests.fakes.examples import A_SECOND, NOON, a_job, a_job_that_is, a_video

THE_FILE = SealedFile(sha256=a_video().sha256, size_bytes=a_video().size_bytes)


def invariants(findings: Iterable[Finding]) -> set[str]:
    return {finding.invariant for finding in findings}


def a_life(status: JobStatus) -> tuple[Job, list[JobEvent]]:
    job = a_job_that_is(status)
    return job, list(job.collect_events())


def changed(event: JobEvent, **changes: Any) -> JobEvent:
    return replace(event, **changes)


@pytest.mark.parametrize("status", JobStatus)
def test_the_shortest_life_to_every_state_has_no_findings(status: JobStatus) -> None:
    job, events = a_life(status)

    assert not list(audit_job(job, events))


@pytest.mark.parametrize(
    ("status", "spoil", "invariant"),
    [
        (JobStatus.COMPLETED, lambda job: setattr(job, "finished_at", None), "I1"),
        (JobStatus.QUEUED, lambda job: setattr(job, "finished_at", NOON), "I1"),
        (JobStatus.RUNNING, lambda job: setattr(job, "slot", None), "I2"),
        (JobStatus.PUBLISHING, lambda job: setattr(job, "slot", None), "I2"),
        (JobStatus.QUEUED, lambda job: setattr(job, "slot", 0), "I2"),
        (JobStatus.RUNNING, lambda job: setattr(job, "step", 3), "I9"),
        (JobStatus.RUNNING, lambda job: setattr(job, "fence", 2), "I9"),
        (JobStatus.RUNNING, lambda job: setattr(job, "stage", Stage.DECODING), "I9"),
        (JobStatus.PUBLISHING, lambda job: setattr(job, "status", JobStatus.RUNNING), "I9"),
    ],
)
def test_a_row_that_contradicts_itself_or_its_history_is_found(
    status: JobStatus, spoil: Callable[[Job], None], invariant: str
) -> None:
    job, events = a_life(status)

    spoil(job)

    assert invariants(audit_job(job, events)) == {invariant}


@pytest.mark.parametrize(
    ("spoil", "invariant"),
    [
        (list[JobEvent].clear, "I9"),
        (lambda events: events.pop(0), "I9"),
        (lambda events: events.insert(0, events[0]), "I12"),
        (lambda events: events.insert(2, events[1]), "I12"),  # claimed while it ran
        (lambda events: events.insert(1, events[-1]), "I12"),  # completed before it ran
        (lambda events: events.append(changed(events[-1], kind=EventKind.STEP)), "I11"),
        (lambda events: events.append(events[-1]), "I11"),
        (lambda events: events.insert(2, changed(events[2], attempt=2)), "I4"),
        (lambda events: events.__setitem__(1, changed(events[1], attempt=0)), "I4"),
        (lambda events: events.__setitem__(2, changed(events[2], status="failed")), "I9"),
    ],
)
def test_a_history_that_cannot_have_been_is_found(
    spoil: Callable[[list[JobEvent]], object], invariant: str
) -> None:
    job, events = a_life(JobStatus.COMPLETED)

    spoil(events)

    assert invariant in invariants(audit_job(job, events))


def test_two_jobs_in_one_slot_are_found() -> None:
    one, other, waiting = a_job("gen_1"), a_job("gen_2"), a_job("gen_3")
    one.claim(at=NOON, slot=1)
    other.claim(at=NOON, slot=1)

    assert [str(finding) for finding in audit_slots([one, other, waiting])] == [
        "I3 gen_2: slot 1 has gen_1 as well"
    ]
    assert not list(audit_slots([one, waiting]))


class TestFiles:
    def test_a_completed_job_with_its_file_is_as_it_must_be(self) -> None:
        job, _ = a_life(JobStatus.COMPLETED)

        assert not list(audit_file(job, state_of(job.status), THE_FILE))

    @pytest.mark.parametrize(
        "file",
        [None, replace(THE_FILE, sha256="cd" * 32), replace(THE_FILE, size_bytes=1233)],
    )
    def test_a_file_that_is_gone_or_altered_is_found(self, file: SealedFile | None) -> None:
        job, _ = a_life(JobStatus.COMPLETED)

        assert invariants(audit_file(job, state_of(job.status), file)) == {"I5"}

    def test_a_completed_job_that_knows_no_video_is_found(self) -> None:
        # The audit itself stopped at it, and told nothing of all other jobs.
        job, _ = a_life(JobStatus.COMPLETED)
        job.video = None

        assert invariants(audit_file(job, state_of(job.status), THE_FILE)) == {"I5"}

    @pytest.mark.parametrize("status", sorted(set(JobStatus) - {JobStatus.COMPLETED}))
    def test_only_a_completed_job_must_have_a_file(self, status: JobStatus) -> None:
        job, _ = a_life(status)

        assert not list(audit_file(job, state_of(job.status), None))

    @pytest.mark.parametrize("status", JobStatus)
    def test_a_published_file_belongs_to_a_job_that_is_publishing_or_done(
        self, status: JobStatus
    ) -> None:
        found = invariants(audit_outputs(["gen_1"], {"gen_1": status}))

        may_have_one = status in {JobStatus.PUBLISHING, JobStatus.COMPLETED}
        assert found == (set() if may_have_one else {"I6"})

    def test_a_published_file_of_nobody_is_found(self) -> None:
        [finding] = audit_outputs(["gen_1"], {})

        assert str(finding) == "I6 gen_1: there is a video, but its generation is unknown"


#: What may happen to a running job, drawn at random; each ends or continues its attempt.
ENDS: Sequence[type[DomainError]] = (
    WorkerCrashed,
    NoProgress,
    OutOfAcceleratorMemory,
    Preempted,
    RenderFailed,
    RenderSuspended,
    StorageError,
)


def live(job: Job, draw: random.Random) -> None:
    """One random legal thing happens to the job."""
    at = NOON + draw.randrange(-60, 60) * A_SECOND
    if job.status is JobStatus.QUEUED:
        draw.choice([lambda: job.move(draw.randrange(9), at=at), lambda: job.claim(at=at)])()
        return
    if draw.random() < 0.1:
        job.end_attempt(draw.choice(ENDS)(), fence=job.fence, at=at, jitter=draw.random())
    elif job.status is JobStatus.PUBLISHING:
        job.complete(fence=job.fence, at=at)
    else:
        draw.choice(_deeds(job, draw))()


def _deeds(job: Job, draw: random.Random) -> Sequence[Callable[[], None]]:
    """What a running attempt may tell now."""
    fence, later = job.fence, draw.randrange(max(1, job.step), job.request.steps + 1)
    return (
        lambda: job.enter_stage(draw.choice(list(Stage)), fence=fence, at=NOON),
        lambda: job.finish_step(later, fence=fence, at=NOON),
        lambda: job.save_resume_point(later, fence=fence, at=NOON),
        lambda: job.resume(later, fence=fence, at=NOON),
        lambda: job.reject_resume_point("No.", fence=fence, at=NOON),
        lambda: job.begin_publishing(a_video(), fence=fence, at=NOON),
        lambda: job.request_cancel(at=NOON) if draw.random() < 0.2 else None,
    )


def test_whole_random_legal_lives_have_no_findings() -> None:
    draw, ends = random.Random(7), set()
    for _ in range(300):
        job, events = a_job(), list[JobEvent]()
        while not job.status.is_terminal:
            live(job, draw)
            events += job.collect_events()
            assert not list(audit_job(job, events))
        assert not list(audit_file(job, state_of(job.status), THE_FILE))
        ends.add(job.status)

    assert ends == {status for status in JobStatus if status.is_terminal}


@pytest.mark.parametrize("file", [THE_FILE, None])
def test_a_video_that_is_being_removed_may_be_there_or_not(file: SealedFile | None) -> None:
    job = a_job_that_is(JobStatus.COMPLETED)

    assert not list(audit_file(job, OutputState.REMOVING, file))


def test_a_video_that_was_removed_is_not_there() -> None:
    job = a_job_that_is(JobStatus.COMPLETED)

    assert not list(audit_file(job, OutputState.REMOVED, None))
    assert invariants(audit_file(job, OutputState.REMOVED, THE_FILE)) == {"I5"}


@pytest.mark.parametrize("state", [OutputState.KEPT, OutputState.DELETED])
def test_a_video_that_is_kept_or_can_be_restored_is_there(state: OutputState) -> None:
    job = a_job_that_is(JobStatus.COMPLETED)

    assert invariants(audit_file(job, state, None)) == {"I5"}


def test_the_library_has_a_video_of_what_has_completed_and_of_nothing_else() -> None:
    completed, failed = a_job_that_is(JobStatus.COMPLETED), a_job_that_is(JobStatus.FAILED)

    assert "I5" in invariants(audit_file(completed, OutputState.NONE, THE_FILE))
    assert invariants(audit_file(failed, OutputState.KEPT, None)) == {"I5"}
