"""Processes die in the middle of a job; the job does not."""

import signal

from tests.e2e.service import Service, is_gone, wait_for


def test_a_killed_worker_is_replaced_and_its_job_runs_again(service: Service) -> None:
    generation = service.submit(steps=60)
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
    running = service.submit(steps=60)
    waiting = service.submit()
    service.wait_for_step(running, 3)

    orphans = service.kill()
    wait_for(lambda: all(is_gone(orphan) for orphan in orphans), seconds=15)
    service.start()

    assert service.wait_until(running, "completed", "failed")["attempts"] == 2
    assert service.wait_until(waiting, "completed", "failed")["attempts"] == 1
    assert {service.generation(g)["status"] for g in (running, waiting)} == {"completed"}
    assert len(list((service.data_dir / "outputs").iterdir())) == 2
    assert not list((service.data_dir / "staging").iterdir())


def test_a_stopped_server_gives_its_job_back_and_takes_it_up_again(service: Service) -> None:
    generation = service.submit(steps=60)
    service.wait_for_step(generation, 3)
    workers = service.workers()

    code = service.stop()

    assert code == 0
    assert all(is_gone(worker) for worker in workers)
    service.start()
    assert service.wait_until(generation, "completed", "failed")["status"] == "completed"
    kinds = [event["kind"] for event in service.events(generation)]
    assert kinds.count("requeued") == 1
    assert "cancelled" not in kinds


def test_a_job_that_kills_every_worker_is_not_run_for_ever(service: Service) -> None:
    generation = service.submit(steps=60)

    for attempt in (1, 2):
        wait_for(lambda n=attempt: service.generation(generation)["attempts"] == n, seconds=30)
        for worker in service.workers():
            worker.send_signal(signal.SIGKILL)
            worker.wait()

    failed = service.wait_until(generation, "failed", "completed")
    assert failed["error"]["code"] == "quarantined"
    assert service.wait_until(service.submit(), "completed")["attempts"] == 1
