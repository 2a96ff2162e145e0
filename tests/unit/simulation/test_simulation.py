"""A hundred thousand random steps of everything that may happen, and the invariants after each."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from domain.job import Job
from domain.job_event import EventKind, JobStatus
from domain.toll import RunAgain, Toll
from tests.unit.simulation.machine import Simulation
from tests.unit.simulation.world import Violation

STEPS = 100_000
STEPS_PER_LIFE = 200


def simulate(machine: type[Simulation], lives: int) -> None:
    """Run that many worlds, always the same ones."""
    same_ones = settings(
        max_examples=lives,
        stateful_step_count=STEPS_PER_LIFE,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    run_state_machine_as_test(machine, settings=same_ones)


@pytest.mark.slow
@pytest.mark.no_cover  # twice as fast; what it reaches, other tests reach
@pytest.mark.timeout(600)
def test_nothing_is_lost_doubled_or_torn_whatever_dies_in_whatever_order() -> None:
    Simulation.steps, Simulation.changes, Simulation.ends = 0, 0, set()

    # Enough for the least eventful: Hypothesis also draws constants of whatever modules are loaded.
    simulate(Simulation, lives=800)

    print(f"{Simulation.steps} steps, {Simulation.changes} events")
    assert Simulation.steps >= STEPS
    assert Simulation.changes >= STEPS // 4, "too much of it was refused"
    assert Simulation.ends == {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}


class CompletesForAnybody(Job):
    def complete(self, *, fence: int, at: datetime) -> None:
        super().complete(fence=self.fence, at=at)


class HearsOldAttempts(Job):
    def _expect(self, *statuses: JobStatus, fence: int | None = None) -> None:
        super()._expect(*statuses)


class CancelsWhateverItIs(Job):
    def request_cancel(self, *, at: datetime) -> None:
        self._finish(JobStatus.CANCELLED, at)
        self._record(EventKind.CANCELLED, at)


class KeepsItsSlot(Job):
    def _requeue(self, again: RunAgain, at: datetime) -> None:
        slot = self.slot
        super()._requeue(again, at)
        self.slot = slot


class ReusesItsFence(Job):
    def claim(self, *, at: datetime, slot: int = 0) -> None:
        self.fence -= self.fence > 0
        super().claim(at=at, slot=slot)


class ForgivesEverything(Job):
    def _note_progress(self) -> None:
        self.toll = Toll()


class ForgetsWhenItEnded(Job):
    def _finish(self, status: JobStatus, at: datetime) -> None:
        super()._finish(status, at)
        self.finished_at = None


class TellsNobody(Job):
    def _record(self, kind: EventKind, at: datetime, **said: Any) -> None:
        if kind is not EventKind.REQUEUED:
            super()._record(kind, at, **said)


class LosesTheFactsOfItsVideo(Job):
    def begin_publishing(self, video: Any, *, fence: int, at: datetime) -> None:
        super().begin_publishing(video, fence=fence, at=at)
        self.video = None


@pytest.mark.parametrize(
    ("broken", "invariant"),
    [
        (CompletesForAnybody, "I12"),
        (HearsOldAttempts, "I12"),
        (CancelsWhateverItIs, "I1[12]"),
        (KeepsItsSlot, "I2"),
        (ReusesItsFence, "I4"),
        (ForgivesEverything, "I10"),
        (ForgetsWhenItEnded, "I1 "),
        (TellsNobody, "I9|I12"),
        (LosesTheFactsOfItsVideo, "I5"),
    ],
)
@pytest.mark.timeout(600)
def test_a_broken_job_is_found_out(broken: type[Job], invariant: str) -> None:
    machine = type("Broken", (Simulation,), {"job_type": broken})

    with pytest.raises(Violation, match=invariant):
        simulate(machine, lives=400)
