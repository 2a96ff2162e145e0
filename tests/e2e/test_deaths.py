"""Processes die in the middle of a job; the job does not."""

import signal
import time

import pytest

from tests.e2e.service import NewService, Service, is_gone, wait_for

#: Two seconds of work.
STEPS = 20


def kill_workers(service: Service) -> None:
    for worker in service.workers():
        worker.send_signal(signal.SIGKILL)
        worker.wait()


def test_a_killed_worker_is_replaced_and_its_job_runs_again(service: Service) -> None:
    generation = service.submit(steps=STEPS)
    service.wait_for_step(generation, 3)
    (worker,) = service.workers()

    worker.send_signal(signal.SIGKILL)

    done = service.wait_until(generation, "completed", "failed")
    requeued = [e for e in service.events(generation) if e["kind"] == "requeued"]
    assert done["status"] == "completed", done["error"]
    assert done["attempts"] == 2
    assert "SIGKILL" in requeued[0]["message"]
    assert [w.pid for w in service.workers()] != [worker.pid]


def test_a_killed_server_goes_on_where_it_was_and_leaves_no_worker(service: Service) -> None:
    running = service.submit(steps=STEPS)
    waiting = service.submit(steps=1)
    service.wait_for_step(running, 3)

    orphans = service.kill()
    wait_for(lambda: all(is_gone(orphan) for orphan in orphans), seconds=15)
    service.start()

    assert service.wait_until(running, "completed", "failed")["attempts"] == 2
    assert service.wait_until(waiting, "completed", "failed")["attempts"] == 1
    assert {service.generation(g)["status"] for g in (running, waiting)} == {"completed"}
    assert len(list((service.data_dir / "outputs").iterdir())) == 2
    assert not list((service.data_dir / "staging").iterdir())


def test_a_stopped_server_gives_its_job_back_at_the_end_of_its_step(service: Service) -> None:
    generation = service.submit(steps=STEPS)
    service.wait_for_step(generation, 3)
    workers = service.workers()

    code = service.stop()

    assert code == 0
    assert all(is_gone(worker) for worker in workers)
    service.start()
    done = service.wait_until(generation, "completed", "failed")
    events = service.events(generation)
    told = {kind: [e for e in events if e["kind"] == kind] for kind in ("requeued", "resumed")}
    steps = {n: [e["step"] for e in events if e["kind"] == "step" and e["attempt"] == n]
             for n in (1, 2)}  # fmt: skip
    last = steps[1][-1]
    assert (done["status"], done["attempts"]) == ("completed", 2), done["error"]
    # At the default interval no point was due yet: the one it goes on from was saved for the stop.
    assert [(e["code"], e["step"]) for e in told["requeued"]] == [("interrupted", last)]
    assert [e["step"] for e in told["resumed"]] == [last]
    assert 3 <= last < STEPS
    assert steps[2] == list(range(last + 1, STEPS + 1))


def test_a_job_that_kills_every_worker_is_not_run_for_ever(service: Service) -> None:
    generation = service.submit(steps=60)

    # The next worker is killed before it gets as far: nothing is forgiven.
    service.wait_for_step(generation, 15)
    kill_workers(service)
    wait_for(lambda: service.generation(generation)["attempts"] == 2, seconds=60)
    wait_for(lambda: service.generation(generation)["stage"] == "denoising", seconds=60)
    kill_workers(service)

    failed = service.wait_until(generation, "failed", "completed")
    assert failed["error"]["code"] == "quarantined"
    assert service.wait_until(service.submit(steps=1), "completed")["attempts"] == 1


def test_a_server_that_stops_ends_its_streams_first(card_service: Service) -> None:
    # An open stream held the server up for three seconds and ended in a traceback.
    generation = card_service.submit(steps=100, num_frames=33, width=128, height=128)
    card_service.client.post(f"/api/v1/generations/{generation}/cancel")
    waiting = card_service.submit(steps=1)
    card_service.wait_until(waiting, "completed")
    url = f"/api/v1/generations/{generation}/events"
    with card_service.client.stream("GET", url) as stream:
        next(stream.iter_lines())

    assert card_service.stop() == 0
    assert "Traceback" not in card_service.log


def test_a_killed_fork_server_costs_no_job_an_attempt(new_service: NewService) -> None:
    service = new_service(backend="synthetic", pipeline__card_step_s=0.1)
    service.start()
    running = service.submit(steps=30)
    service.wait_for_step(running, 1)
    (former,) = service.fork_servers()

    former.send_signal(signal.SIGKILL)

    assert service.wait_until(running, "completed", "failed")["attempts"] == 1
    (worker,) = service.workers()
    worker.send_signal(signal.SIGKILL)
    wait_for(lambda: is_gone(worker), seconds=5)
    after = service.wait_until(service.submit(), "completed", "failed")
    assert after["status"] == "completed"
    assert former not in service.fork_servers()
    assert len(service.fork_servers()) == 1


@pytest.mark.parametrize("later_s", [0, 0.05])
def test_nothing_outlives_a_server_that_is_killed_while_a_worker_is_forked(
    later_s: float, card_service: Service
) -> None:
    card_service.wait_until(card_service.submit(), "completed")
    kill_workers(card_service)
    card_service.submit(steps=60)
    time.sleep(later_s)

    card_service.kill()

    wait_for(lambda: not card_service.started(), seconds=15)
