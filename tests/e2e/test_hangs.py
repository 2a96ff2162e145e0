"""A worker that lives but does nothing is no worker."""

import signal
import time

import psutil

from tests.e2e.service import NewService, Service, is_gone, wait_for

#: Two seconds of work.
STEPS = 20


def watched(new_service: NewService, *, step_s: float, card_step_s: float = 0.1) -> Service:
    service = new_service(
        backend="synthetic",
        pipeline__card_step_s=card_step_s,
        resume__interval=1,
        watchdog__step_s=step_s,
    )
    service.start()
    return service


def freeze(worker: psutil.Process) -> None:
    worker.send_signal(signal.SIGSTOP)
    wait_for(lambda: worker.status() == psutil.STATUS_STOPPED, seconds=5)


def test_a_hung_worker_is_killed_and_its_job_goes_on_elsewhere(new_service: NewService) -> None:
    service = watched(new_service, step_s=3)
    generation = service.submit(steps=STEPS)
    service.wait_for_step(generation, 3)
    (worker,) = service.workers()

    freeze(worker)
    done = service.wait_until(generation, "completed", "failed")

    events = service.events(generation)
    requeued = [event for event in events if event["kind"] == "requeued"]
    assert (done["status"], done["attempts"]) == ("completed", 2), done["error"]
    assert [event["code"] for event in requeued] == ["no-progress"]
    assert "resumed" in [event["kind"] for event in events]
    assert is_gone(worker)
    assert service.audit() == ""


def test_a_worker_that_slept_within_its_budget_is_left_alone(new_service: NewService) -> None:
    service = watched(new_service, step_s=60)
    generation = service.submit(steps=STEPS)
    service.wait_for_step(generation, 3)
    (worker,) = service.workers()

    freeze(worker)
    asleep_at = service.generation(generation)["step"]
    time.sleep(1)  # ten steps' time, and nothing happens that could be waited for
    assert service.generation(generation)["step"] <= asleep_at + 1
    worker.send_signal(signal.SIGCONT)

    assert service.wait_until(generation, "completed", "failed")["attempts"] == 1
    assert service.workers() == [worker]


def test_a_step_longer_than_its_budget_goes_on_while_its_blocks_come(
    new_service: NewService,
) -> None:
    # It was killed: 300 s were a step's, and on a small card, or a CPU, the largest plans take longer for one.
    service = watched(new_service, step_s=4, card_step_s=7.5)

    generation = service.submit(steps=1)
    done = service.wait_until(generation, "completed", "failed")

    assert (done["status"], done["attempts"]) == ("completed", 1), done["error"]
