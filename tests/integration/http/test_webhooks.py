"""Who may be named to be told."""

import httpx
import pytest

from tests.fakes.jobs import InMemoryJobs

GENERATIONS = "/api/v1/generations"


async def test_an_allowed_host_may_be_named_and_stays_with_the_job(
    client: httpx.AsyncClient, jobs: InMemoryJobs
) -> None:
    body = {"prompt": "x", "webhook_url": "https://hooks.example/done"}

    answer = await client.post(GENERATIONS, json=body)

    assert answer.status_code == 202, answer.text
    assert [job.webhook_url for job in jobs.kept] == ["https://hooks.example/done"]


@pytest.mark.parametrize("url", ["https://other.example/", "http://169.254.169.254/", "x"])
async def test_s08_another_is_refused_and_nothing_is_queued(
    client: httpx.AsyncClient, jobs: InMemoryJobs, url: str
) -> None:
    answer = await client.post(GENERATIONS, json={"prompt": "x", "webhook_url": url})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/webhook_url"
    assert jobs.kept == []


async def test_the_same_key_with_another_webhook_is_another_request(
    client: httpx.AsyncClient,
) -> None:
    key = {"Idempotency-Key": "k"}
    body = {"prompt": "x", "webhook_url": "https://hooks.example/a"}
    await client.post(GENERATIONS, json=body, headers=key)

    again = await client.post(GENERATIONS, json=body, headers=key)
    other = await client.post(
        GENERATIONS, json={**body, "webhook_url": "https://hooks.example/b"}, headers=key
    )

    assert again.headers["Idempotency-Replayed"] == "true"
    assert other.json()["code"] == "idempotency-key-reused"
