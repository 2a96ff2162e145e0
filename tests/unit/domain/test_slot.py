"""When a slot is trusted with the next job."""

import pytest

from domain.errors import (
    AcceleratorFault,
    DomainError,
    NoProgress,
    OutOfAcceleratorMemory,
    RenderFailed,
    WorkerCrashed,
    WorkerUnavailable,
)
from domain.slot import COOL_OFF_S, FAULT_WINDOW_S, MAX_COOL_OFF_S, Slot


def an_unhealthy_slot() -> Slot:
    """Two jobs hung in it, the second one at the time 0."""
    slot = Slot(2)
    slot.note_end("gen_1", NoProgress(), now=0.0)
    assert slot.note_end("gen_2", NoProgress("It hung."), now=0.0)
    return slot


def test_a_new_slot_may_work() -> None:
    slot = Slot(0)

    assert slot.may_work(now=0.0)
    assert slot.problem is None


@pytest.mark.parametrize(
    "fault", [NoProgress(), WorkerCrashed(), AcceleratorFault(), WorkerUnavailable()]
)
def test_one_fault_is_forgiven(fault: DomainError) -> None:
    slot = Slot(0)

    assert not slot.note_end("gen_1", fault, now=0.0)
    assert slot.may_work(now=0.0)


@pytest.mark.parametrize("fault", [NoProgress(), WorkerCrashed(), AcceleratorFault()])
def test_two_jobs_whose_workers_broke_in_it_make_it_rest(fault: DomainError) -> None:
    # Only hanging counted: a driver that killed every process took the whole queue with it.
    slot = Slot(0)
    slot.note_end("gen_1", fault, now=0.0)

    assert slot.note_end("gen_2", fault, now=1.0)
    assert not slot.may_work(now=1.0)


def test_faults_of_different_kinds_add_up() -> None:
    slot = Slot(0)
    slot.note_end("gen_1", AcceleratorFault(), now=0.0)

    assert slot.note_end("gen_2", WorkerCrashed(), now=1.0)


def test_a_slot_that_rests_says_so() -> None:
    slot = an_unhealthy_slot()

    assert not slot.may_work(now=COOL_OFF_S - 1)
    assert slot.problem is not None
    assert "Slot 2" in slot.problem
    assert "It hung." in slot.problem


@pytest.mark.parametrize("fault", [NoProgress(), WorkerCrashed(), AcceleratorFault()])
def test_a_job_that_breaks_its_workers_twice_is_not_the_slots_fault(fault: DomainError) -> None:
    slot = Slot(0)
    slot.note_end("gen_1", fault, now=0.0)

    assert not slot.note_end("gen_1", fault, now=1.0)
    assert slot.may_work(now=1.0)


def test_a_worker_that_cannot_be_started_twice_is_the_slots_fault_whatever_the_job() -> None:
    slot = Slot(0)
    slot.note_end("gen_1", WorkerUnavailable(), now=0.0)

    assert slot.note_end("gen_1", WorkerUnavailable(), now=1.0)


def test_faults_that_are_far_apart_do_not_add_up() -> None:
    slot = Slot(0)
    slot.note_end("gen_1", NoProgress(), now=0.0)

    assert not slot.note_end("gen_2", NoProgress(), now=FAULT_WINDOW_S + 1)


def test_a_video_in_between_proves_the_slot() -> None:
    slot = Slot(0)
    slot.note_end("gen_1", NoProgress(), now=0.0)
    slot.note_end("gen_2", None, now=1.0)

    assert not slot.note_end("gen_3", NoProgress(), now=2.0)


@pytest.mark.parametrize("error", [RenderFailed(), OutOfAcceleratorMemory()])
def test_what_may_be_the_jobs_doing_neither_blames_nor_proves_the_slot(error: DomainError) -> None:
    slot = Slot(0)
    slot.note_end("gen_1", NoProgress(), now=0.0)

    assert not slot.note_end("gen_2", error, now=1.0)
    assert slot.note_end("gen_3", NoProgress(), now=2.0)


def test_a_rested_slot_is_tried_again_and_one_video_heals_it() -> None:
    slot = an_unhealthy_slot()
    tried = slot.may_work(now=COOL_OFF_S)

    slot.note_end("gen_3", None, now=COOL_OFF_S + 60)

    assert tried
    assert slot.problem is None


def test_a_rested_slot_that_fails_its_trial_rests_again_and_longer() -> None:
    # The fault before was longer ago than the window, so a dead accelerator got a second job, and a third.
    slot = an_unhealthy_slot()

    assert slot.note_end("gen_3", NoProgress(), now=COOL_OFF_S)

    assert not slot.may_work(now=3 * COOL_OFF_S - 1)
    assert slot.may_work(now=3 * COOL_OFF_S)


def test_a_dead_accelerator_gets_few_jobs_over_a_weekend_and_one_now_and_then() -> None:
    slot, now, tried = an_unhealthy_slot(), 0.0, 0
    while now < 60 * 3600:
        now += 60
        if slot.may_work(now=now):
            tried += 1
            slot.note_end(f"gen_{tried}", WorkerCrashed(), now=now)

    assert 10 < tried < 25
    assert slot.may_work(now=now + MAX_COOL_OFF_S)


def test_somebody_who_looked_after_it_may_have_it_trusted_at_once() -> None:
    slot = an_unhealthy_slot()

    slot.forgive()

    assert slot.may_work(now=1.0)
    assert slot.problem is None
    assert not slot.note_end("gen_3", NoProgress(), now=2.0)
