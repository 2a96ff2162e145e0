"""Server and worker are killed at random instants, with jobs waiting; nothing is lost or made twice."""

import random
import signal
import time

import psutil
import pytest

from tests.e2e.service import NewService, Service, is_gone, wait_for

#: A few minutes' worth is benchmarks/soak.py's business.
KILLS = 6
JOBS = 3
STEPS = 40


def kill_something(service: Service, chance: random.Random) -> list[psutil.Process]:
    """SIGKILL the server or its worker. Returns the workers that must be gone soon."""
    if chance.random() < 0.5 and (workers := service.workers()):
        for worker in workers:
            worker.send_signal(signal.SIGKILL)
        return workers
    orphans = service.kill()
    service.start()
    return orphans


def progress(service: Service, accepted: list[str]) -> int:
    """It grows with every step that was never made before."""
    jobs = [service.generation(generation) for generation in accepted]
    return sum(STEPS + 1 if job["status"] == "completed" else job["step"] for job in jobs)


@pytest.mark.timeout(300)
def test_random_kills_lose_nothing(new_service: NewService) -> None:
    chance = random.Random(4)
    service = new_service(backend="synthetic", pipeline__card_step_s=0.1, resume__interval=1)
    service.start()
    accepted = [service.submit(steps=STEPS, seed=seed) for seed in range(JOBS)]
    doomed: list[psutil.Process] = []
    most = 0

    for _ in range(KILLS):
        # A job whose workers die twice without a new step is given up, and rightly.
        wait_for(lambda most=most: progress(service, accepted) > most, seconds=60)
        time.sleep(chance.uniform(0.0, 1.5))
        most = progress(service, accepted)
        doomed += kill_something(service, chance)
        # A slot in which two jobs in a row died rests until somebody has looked after it.
        service.client.post("/api/v1/queue/resume").raise_for_status()
    for generation in accepted:
        service.wait_until(generation, "completed", "failed", seconds=120)

    states = {generation: service.generation(generation) for generation in accepted}
    videos = {path.stem for path in (service.data_dir / "outputs").iterdir()}
    assert {state["status"] for state in states.values()} == {"completed"}, states
    assert videos == set(accepted)
    assert not list((service.data_dir / "staging").iterdir())
    assert not list((service.data_dir / "resume").iterdir())
    wait_for(lambda: all(is_gone(process) for process in doomed), seconds=10)
    assert service.audit() == ""
