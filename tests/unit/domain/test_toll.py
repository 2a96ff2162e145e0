"""The one table of what becomes of a job whose attempt failed, row by row."""

import pytest

from domain.errors import (
    AcceleratorFault,
    BackendUnavailable,
    CheckpointBroken,
    CheckpointMissing,
    CheckpointUnavailable,
    DiskFull,
    DomainError,
    EncodingFailed,
    NoProgress,
    OutOfAcceleratorMemory,
    OutputMissing,
    Preempted,
    PromptTooLong,
    RenderFailed,
    RenderSuspended,
    StorageError,
    UnsafeWeights,
    Violation,
    WorkerCrashed,
    WorkerUnavailable,
)
from domain.job_event import Failure
from domain.lora import LoraDoesNotFit
from domain.memory_ladder import ON_CPU, Relief
from domain.toll import (
    BACKOFF_S,
    FAULT_PAUSE_S,
    LONGEST_WAIT_S,
    MAX_ABSENCES,
    MAX_CRASHES,
    MAX_FAILURES,
    MAX_INTERRUPTIONS,
    MAX_RELIEFS,
    STORAGE_PAUSE_S,
    RunAgain,
    Toll,
    Verdict,
)
from tests.fakes.examples import a_plan

RELIEF = Relief(rung=1, plan=a_plan(), told="why")


def after(
    error: DomainError, toll: Toll | None = None, relief: Relief | None = None
) -> tuple[Toll, Verdict]:
    return (toll or Toll()).after(error, jitter=1.0, relief=relief)


@pytest.mark.parametrize(
    ("error", "toll", "code", "delay_s"),
    [
        (RenderSuspended("why"), Toll(interruptions=1), "interrupted", 0.0),
        (OutputMissing("why"), Toll(interruptions=1), "interrupted", 0.0),
        (Preempted("why"), Toll(), "preempted", 0.0),
        (WorkerUnavailable("why"), Toll(), "worker-unavailable", 0.0),
        (AcceleratorFault("why"), Toll(interruptions=1), "gpu-fault", FAULT_PAUSE_S),
        (StorageError("why"), Toll(), "storage", STORAGE_PAUSE_S),
        (DiskFull("why"), Toll(), "disk-full", STORAGE_PAUSE_S),
        (CheckpointUnavailable("why"), Toll(absences=1), "checkpoint-unavailable", STORAGE_PAUSE_S),
        (CheckpointMissing("why"), Toll(absences=1), "model-missing", STORAGE_PAUSE_S),
        (CheckpointBroken("why"), Toll(absences=1), "model-corrupt", STORAGE_PAUSE_S),
        (UnsafeWeights("why"), Toll(absences=1), "model-unsafe", STORAGE_PAUSE_S),
        (WorkerCrashed("why"), Toll(crashes=1), "worker-crashed", 0.0),
        (NoProgress("why"), Toll(crashes=1), "no-progress", 0.0),
        (RenderFailed("why"), Toll(failures=1), "internal", BACKOFF_S[0]),
        (EncodingFailed("why"), Toll(failures=1), "encoding-failed", BACKOFF_S[0]),
    ],
)
def test_what_another_attempt_may_mend_runs_again(
    error: DomainError, toll: Toll, code: str, delay_s: float
) -> None:
    assert after(error) == (toll, RunAgain(reason="why", code=code, delay_s=delay_s))


@pytest.mark.parametrize(
    "error",
    [
        PromptTooLong("why"),
        LoraDoesNotFit("why"),
        BackendUnavailable("why"),
        OutOfAcceleratorMemory("why"),
    ],
)
def test_what_no_attempt_can_mend_fails_at_once(error: DomainError) -> None:
    _, verdict = after(error)

    assert verdict == Failure(code=error.code, message="why", retryable=False)


def test_memory_that_ran_out_is_tried_again_at_once_where_there_is_relief() -> None:
    assert after(OutOfAcceleratorMemory("It is full."), relief=RELIEF) == (
        Toll(oom_level=1, reliefs=1),
        RunAgain(reason="why", code="gpu-out-of-memory"),
    )


def test_where_there_is_none_the_failure_has_what_would_fit() -> None:
    violation = Violation(pointer="/num_frames", reason="does not fit", nearest=(49,))

    _, verdict = after(OutOfAcceleratorMemory("It is full.", [violation]))

    assert isinstance(verdict, Failure)
    assert verdict.violations == (violation,)


@pytest.mark.parametrize(
    ("error", "worn", "code", "retryable"),
    [
        (WorkerCrashed(), Toll(crashes=MAX_CRASHES - 1), "quarantined", False),
        (NoProgress(), Toll(crashes=MAX_CRASHES - 1), "quarantined", False),
        (RenderSuspended(), Toll(interruptions=MAX_INTERRUPTIONS), "interrupted", True),
        (AcceleratorFault(), Toll(interruptions=MAX_INTERRUPTIONS), "gpu-fault", True),
        (RenderFailed(), Toll(failures=MAX_FAILURES - 1), "internal", True),
        (CheckpointMissing(), Toll(absences=MAX_ABSENCES), "model-missing", True),
        (OutOfAcceleratorMemory(), Toll(reliefs=MAX_RELIEFS), "gpu-out-of-memory", False),
    ],
)
def test_what_repeats_itself_is_given_up(
    error: DomainError, worn: Toll, code: str, retryable: bool
) -> None:
    _, verdict = after(error, worn, RELIEF)

    assert isinstance(verdict, Failure)
    assert (verdict.code, verdict.retryable) == (code, retryable)
    assert error.message in verdict.message


@pytest.mark.parametrize(
    ("error", "worn"),
    [
        (WorkerCrashed(), Toll(interruptions=MAX_INTERRUPTIONS, failures=MAX_FAILURES - 1)),
        (RenderSuspended(), Toll(crashes=MAX_CRASHES - 1, failures=MAX_FAILURES - 1)),
        (RenderFailed(), Toll(crashes=MAX_CRASHES - 1, oom_level=ON_CPU)),
        (OutOfAcceleratorMemory(), Toll(crashes=MAX_CRASHES - 1, failures=MAX_FAILURES - 1)),
    ],
)
def test_each_kind_of_end_has_its_own_patience(error: DomainError, worn: Toll) -> None:
    _, verdict = after(error, worn, RELIEF)

    assert isinstance(verdict, RunAgain)


@pytest.mark.parametrize("error", [Preempted(), WorkerUnavailable(), StorageError()])
def test_what_is_no_fault_of_the_job_may_happen_for_ever(error: DomainError) -> None:
    worn = Toll(
        crashes=MAX_CRASHES - 1,
        interruptions=MAX_INTERRUPTIONS,
        failures=MAX_FAILURES - 1,
        oom_level=ON_CPU,
    )

    toll, verdict = after(error, worn)

    assert toll == worn
    assert isinstance(verdict, RunAgain)


def test_progress_forgives_what_the_job_did_not_cause_and_nothing_else() -> None:
    worn = Toll(crashes=1, interruptions=9, absences=9, failures=2, oom_level=1, rejections=1)

    assert worn.after_progress() == Toll(failures=2, oom_level=1, rejections=1)


def test_each_failure_is_followed_by_a_longer_wait() -> None:
    toll, waits = Toll(), []
    for _ in range(MAX_FAILURES - 1):
        toll, verdict = after(RenderFailed(), toll)
        assert isinstance(verdict, RunAgain)
        waits.append(verdict.delay_s)

    assert waits == list(BACKOFF_S)
    assert waits == sorted(set(waits))


@pytest.mark.parametrize("jitter", [0.0, 0.25, 1.0])
def test_jitter_is_the_share_of_the_wait_that_is_waited(jitter: float) -> None:
    _, verdict = Toll().after(RenderFailed(), jitter=jitter)

    assert isinstance(verdict, RunAgain)
    assert verdict.delay_s == jitter * BACKOFF_S[0]


def test_jitter_never_shortens_the_wait_for_the_disk() -> None:
    _, verdict = Toll().after(DiskFull(), jitter=0.0)

    assert isinstance(verdict, RunAgain)
    assert verdict.delay_s == STORAGE_PAUSE_S


def test_no_wait_is_longer_than_the_longest() -> None:
    assert max(*BACKOFF_S, STORAGE_PAUSE_S, FAULT_PAUSE_S) == LONGEST_WAIT_S
