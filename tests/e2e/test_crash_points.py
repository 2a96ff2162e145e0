"""A process dies at the worst moments there are; the job goes on from what was durable then."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest

from tests.e2e.faulty import SERVER_POINTS, WORKER_POINTS
from tests.e2e.service import Service, wait_for

JOB = {"steps": 12, "seed": 7}

Faulty = Callable[..., Service]


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[Faulty]:
    """Starts a server that dies, or whose worker dies, at a point, once."""
    services = []

    def start(point: str, backend: str = "synthetic") -> Service:
        service = Service(tmp_path / "data", backend=backend, resume__interval=1)
        service.program = [
            sys.executable, "-m", "tests.e2e.faulty", point, str(tmp_path / "fired")
        ]  # fmt: skip
        services.append(service)
        service.start()
        return service

    yield start
    for service in services:
        service.close()


def frames_of(service: Service, generation: str) -> bytes:
    with av.open(str(service.data_dir / "outputs" / f"{generation}.mp4")) as container:
        return b"".join(frame.to_ndarray().tobytes() for frame in container.decode(video=0))


def frames_of_an_unbroken_run(service: Service) -> bytes:
    """Of the same job, once nothing happens to it any more."""
    again = service.submit(**JOB)
    assert service.wait_until(again, "completed", "failed")["attempts"] == 1
    return frames_of(service, again)


@pytest.mark.parametrize(
    ("point", "backend"),
    [
        *((point, "synthetic") for point in WORKER_POINTS),
        # The real pipeline is cut everywhere in tests/integration/test_resuming.py.
        ("resume-point-kept", "diffusers"),
    ],
)
def test_a_worker_that_dies_costs_no_step_that_was_saved(
    point: str, backend: str, faulty: Faulty
) -> None:
    service = faulty(point, backend)
    generation = service.submit(**JOB)

    done = service.wait_until(generation, "completed", "failed")

    events = service.events(generation)
    second = [event for event in events if event["attempt"] == 2]
    resumed = [event["step"] for event in second if event["kind"] == "resumed"]
    steps = [event["step"] for event in second if event["kind"] == "step"]
    saved = 5 if point == "resume-point-kept" else JOB["steps"]
    assert (done["status"], done["attempts"]) == ("completed", 2), done["error"]
    assert resumed == [saved]
    assert steps == list(range(saved + 1, JOB["steps"] + 1))
    assert frames_of(service, generation) == frames_of_an_unbroken_run(service)
    assert service.audit() == ""


@pytest.mark.parametrize("point", sorted(set(SERVER_POINTS) - {"submission-kept"}))
def test_a_server_that_dies_goes_on_from_where_it_was(point: str, faulty: Faulty) -> None:
    service = faulty(point)
    generation = service.submit(**JOB)
    wait_for(lambda: service.has_ended, seconds=90)
    assert service.audit() == ""

    service.start()
    done = service.wait_until(generation, "completed", "failed")

    # Once the intent to publish is kept, no worker is needed any more.
    assert done["attempts"] == (2 if point == "claimed" else 1)
    assert [path.name for path in (service.data_dir / "outputs").iterdir()] == [f"{generation}.mp4"]
    assert not list((service.data_dir / "staging").iterdir())
    assert frames_of(service, generation) == frames_of_an_unbroken_run(service)
    assert service.audit() == ""


def test_a_submission_that_was_kept_but_never_answered_is_found_by_its_key(faulty: Faulty) -> None:
    service = faulty("submission-kept")
    with pytest.raises(Exception, match="disconnected"):
        service.submit(key="first video", **JOB)
    wait_for(lambda: service.has_ended, seconds=30)
    service.start()

    generation = service.submit(key="first video", **JOB)

    listed = service.client.get("/api/v1/generations").json()["data"]
    assert [job["id"] for job in listed] == [generation]
    assert service.wait_until(generation, "completed")["attempts"] == 1
