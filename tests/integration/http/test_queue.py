"""The queue's routes: order, pausing, keys and clients over HTTP."""

import httpx
import pytest

from tests.fakes.examples import NOON
from tests.fakes.hardware_probe import FakeHardwareProbe
from tests.fakes.jobs import InMemoryJobs

GENERATIONS = "/api/v1/generations"
QUEUE = "/api/v1/queue"


async def submit(client: httpx.AsyncClient, prompt: str = "a", **headers: str) -> str:
    answer = await client.post(GENERATIONS, json={"prompt": prompt}, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def line(client: httpx.AsyncClient) -> list[str]:
    return [job["id"] for job in (await client.get(QUEUE)).json()["waiting"]]


async def test_an_empty_queue_says_so(client: httpx.AsyncClient) -> None:
    queue = (await client.get(QUEUE)).json()

    assert (queue["running"], queue["waiting"]) == ([], [])
    assert (queue["paused_since"], queue["problem"], queue["is_draining"]) == (None, None, False)
    assert queue["slots"] == [
        {
            "number": 0,
            "accelerator": None,
            "checkpoint": None,
            "is_busy": False,
            "job_id": None,
            "spare_for": None,
            "problem": None,
            "fenced_out": 0,
        }
    ]


async def test_clients_take_turns(client: httpx.AsyncClient) -> None:
    flood = [await submit(client, **{"Wan-Client": "studio"}) for _ in range(3)]

    other = await submit(client, **{"Wan-Client": "phone"})

    assert await line(client) == [flood[0], other, *flood[1:]]


async def test_a_waiting_generation_is_moved(client: httpx.AsyncClient) -> None:
    first, second, third = [await submit(client) for _ in range(3)]

    answer = await client.patch(f"{QUEUE}/{third}", json={"position": 1})

    assert (answer.status_code, answer.json()["id"]) == (200, third)
    assert await line(client) == [third, first, second]


async def test_a_higher_priority_goes_first(client: httpx.AsyncClient) -> None:
    first, second = [await submit(client) for _ in range(2)]

    answer = await client.patch(f"{QUEUE}/{second}", json={"priority": 5})

    assert answer.json()["priority"] == 5
    assert await line(client) == [second, first]


@pytest.mark.parametrize(
    "body",
    [{"position": 0}, {"position": 10**19}, {"position": 10**40}, {"priority": 101}, {"place": 1}],
)
async def test_a_place_that_cannot_be_is_refused(
    client: httpx.AsyncClient, body: dict[str, int]
) -> None:
    answer = await client.patch(f"{QUEUE}/{await submit(client)}", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{next(iter(body))}"


async def test_no_place_at_all_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.patch(f"{QUEUE}/{await submit(client)}", json={})

    assert answer.status_code == 422


async def test_only_what_waits_is_moved(client: httpx.AsyncClient, jobs: InMemoryJobs) -> None:
    running = await submit(client)
    await jobs.queue.claim(at=NOON)

    answer = await client.patch(f"{QUEUE}/{running}", json={"position": 1})

    assert (answer.status_code, answer.json()["code"]) == (409, "illegal-transition")


async def test_a_paused_queue_hands_nothing_out(
    client: httpx.AsyncClient, jobs: InMemoryJobs
) -> None:
    await submit(client)

    paused = (await client.post(f"{QUEUE}/pause")).json()
    assert paused["paused_since"] == NOON.isoformat().replace("+00:00", "Z")
    assert await jobs.queue.claim(at=NOON) is None

    resumed = (await client.post(f"{QUEUE}/resume")).json()
    assert resumed["paused_since"] is None
    assert await jobs.queue.claim(at=NOON) is not None


async def test_a_nearly_full_disk_is_told(
    client: httpx.AsyncClient, hardware: FakeHardwareProbe
) -> None:
    hardware.free = 1500 * 2**20

    assert "1500 MiB" in (await client.get(QUEUE)).json()["problem"]
    await submit(client)

    hardware.free = 100 * 2**20
    answer = await client.post(GENERATIONS, json={"prompt": "a"})
    assert (answer.status_code, answer.json()["code"]) == (507, "disk-full")


async def test_a_key_that_comes_again_makes_no_second_generation(
    client: httpx.AsyncClient,
) -> None:
    first = await submit(client, **{"Idempotency-Key": "k"})

    again = await client.post(GENERATIONS, json={"prompt": "a"}, headers={"Idempotency-Key": "k"})

    assert (again.status_code, again.json()["id"]) == (202, first)
    assert again.headers["idempotency-replayed"] == "true"
    assert await line(client) == [first]


async def test_a_key_for_something_else_is_refused(client: httpx.AsyncClient) -> None:
    await submit(client, "a", **{"Idempotency-Key": "k"})

    answer = await client.post(GENERATIONS, json={"prompt": "b"}, headers={"Idempotency-Key": "k"})

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency-key-reused")


async def test_what_was_cancelled_is_asked_for_again(client: httpx.AsyncClient) -> None:
    cancelled = await submit(client)
    await client.post(f"{GENERATIONS}/{cancelled}/cancel")

    answer = await client.post(f"{GENERATIONS}/{cancelled}/retry")

    again = answer.json()
    assert (answer.status_code, again["retry_of"], again["status"]) == (202, cancelled, "queued")
    assert answer.headers["location"] == f"{GENERATIONS}/{again['id']}"
    assert await line(client) == [again["id"]]


async def test_what_waits_is_not_asked_for_again(client: httpx.AsyncClient) -> None:
    answer = await client.post(f"{GENERATIONS}/{await submit(client)}/retry")

    assert (answer.status_code, answer.json()["code"]) == (409, "not-retryable")
