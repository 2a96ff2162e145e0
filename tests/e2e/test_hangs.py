"""A worker that lives but does nothing is no worker."""

import signal
from pathlib import Path

import pytest

from tests.e2e.service import Service, is_gone


@pytest.fixture
def watched(tmp_path: Path) -> "Service":
    return Service(
        tmp_path / "data",
        backend="diffusers",
        resume__interval=1,
        watchdog__step_s=8,
        watchdog__decoding_s=10,
    )


def test_a_hung_worker_is_killed_and_its_job_goes_on_elsewhere(watched: Service) -> None:
    watched.start()
    generation = watched.submit(steps=60)
    watched.wait_for_step(generation, 3)
    (worker,) = watched.workers()

    worker.send_signal(signal.SIGSTOP)
    done = watched.wait_until(generation, "completed", "failed")

    events = watched.events(generation)
    requeued = [event for event in events if event["kind"] == "requeued"]
    assert (done["status"], done["attempts"]) == ("completed", 2), done["error"]
    assert [event["code"] for event in requeued] == ["no-progress"]
    assert "resumed" in [event["kind"] for event in events]
    assert is_gone(worker)
    assert watched.audit() == ""
    watched.close()


def test_a_worker_that_slept_within_its_budget_is_left_alone(watched: Service) -> None:
    watched.start()
    generation = watched.submit(steps=60)
    watched.wait_for_step(generation, 3)
    (worker,) = watched.workers()

    worker.send_signal(signal.SIGSTOP)
    worker.send_signal(signal.SIGCONT)

    assert watched.wait_until(generation, "completed", "failed")["attempts"] == 1
    watched.close()
