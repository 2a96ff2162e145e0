"""The line is paused, reordered and preempted; requests that come twice make one job."""

from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.service import Service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One whose steps take a tenth of a second: long enough to be cut short."""
    folder = tmp_path_factory.mktemp("queue-control")
    service = Service(folder / "data", backend="synthetic", pipeline__card_step_s=0.1)
    service.start()
    yield service
    service.close()


def waiting(service: Service) -> list[str]:
    return [job["id"] for job in service.client.get("/api/v1/queue").json()["waiting"]]


def test_a_paused_queue_stays_paused_across_a_restart_and_then_goes_on(
    card_service: Service,
) -> None:
    card_service.client.post("/api/v1/queue/pause").raise_for_status()
    first, second = card_service.submit(steps=1), card_service.submit(steps=1)
    card_service.stop()
    card_service.start()
    card_service.client.patch(f"/api/v1/queue/{second}", json={"position": 1}).raise_for_status()
    assert waiting(card_service) == [second, first]

    card_service.client.post("/api/v1/queue/resume").raise_for_status()

    card_service.wait_until(first, "completed")
    started = [card_service.generation(g)["started_at"] for g in (second, first)]
    assert started == sorted(started)


def test_an_urgent_job_stops_a_long_one_which_then_goes_on_from_its_step(
    service: Service,
) -> None:
    long = service.submit(steps=20)
    service.wait_for_step(long, 3)

    urgent = service.submit(steps=1, priority=10, preempt=True)

    assert service.wait_until(urgent, "completed", "failed")["attempts"] == 1
    done = service.wait_until(long, "completed", "failed")
    events = service.events(long)
    requeued = [event for event in events if event["kind"] == "requeued"]
    resumed = [event for event in events if event["kind"] == "resumed"]
    assert (done["status"], done["attempts"]) == ("completed", 2)
    assert [event["code"] for event in requeued] == ["preempted"]
    assert resumed[0]["step"] == requeued[0]["step"] >= 3


@pytest.mark.parametrize("asked", [{"priority": 10}, {"priority": 0, "preempt": True}])
def test_nothing_is_stopped_unless_it_is_asked_for_and_less_urgent(
    asked: dict[str, object], service: Service
) -> None:
    long = service.submit(steps=20)
    service.wait_for_step(long, 3)

    after = service.submit(steps=1, **asked)

    assert service.wait_until(long, "completed", "failed")["attempts"] == 1
    service.wait_until(after, "completed")


def test_a_failed_or_cancelled_job_is_asked_for_again_as_a_new_one(service: Service) -> None:
    service.client.post("/api/v1/queue/pause")
    cancelled = service.submit(seed=7, steps=1)
    service.client.post(f"/api/v1/generations/{cancelled}/cancel").raise_for_status()
    service.client.post("/api/v1/queue/resume")

    answer = service.client.post(f"/api/v1/generations/{cancelled}/retry")

    again = answer.json()
    assert (answer.status_code, again["retry_of"]) == (202, cancelled)
    assert again["request"] == service.generation(cancelled)["request"]
    assert service.wait_until(again["id"], "completed")
    assert service.client.post(f"/api/v1/generations/{again['id']}/retry").status_code == 409


def test_a_key_makes_one_job_however_often_it_comes(service: Service) -> None:
    def submit(prompt: str) -> httpx.Response:
        body = {"prompt": prompt, "steps": 1}
        headers = {"Idempotency-Key": "k"}
        return service.client.post("/api/v1/generations", json=body, headers=headers)

    first, again, other = submit("a"), submit("a"), submit("b")

    assert first.json()["id"] == again.json()["id"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
