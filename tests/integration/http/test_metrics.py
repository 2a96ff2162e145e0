"""What is scraped, and what is logged of each request."""

import logging

import httpx
import pytest

from application.run_generation import RunGeneration
from domain.errors import AcceleratorFault
from tests.fakes.examples import NOON
from tests.fakes.jobs import InMemoryJobs

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
CANARY = "a canary that no metric may name"


async def submit(client: httpx.AsyncClient, **headers: str) -> str:
    answer = await client.post("/api/v1/generations", json={"prompt": CANARY}, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def scrape(client: httpx.AsyncClient) -> str:
    answer = await client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return answer.text


async def test_metrics_tell_the_line_the_slots_and_the_machine(
    client: httpx.AsyncClient, jobs: InMemoryJobs
) -> None:
    await submit(client)

    text = await scrape(client)

    assert 'wan_build_info{version="1.2.3"} 1.0' in text
    assert 'wan_jobs_submitted_total{model="mini"} 1.0' in text
    assert 'wan_queue_depth{state="queued"} 1.0' in text
    assert 'wan_worker_up{slot="0"} 1.0' in text
    assert 'wan_admission_paused{reason="paused"} 0.0' in text
    assert "wan_disk_free_bytes " in text
    assert "process_resident_memory_bytes " in text

    await jobs.queue.set_paused(paused=True, at=NOON)

    assert 'wan_admission_paused{reason="paused"} 1.0' in await scrape(client)


async def test_requests_are_counted_by_their_route_and_refusals_by_their_reason(
    client: httpx.AsyncClient,
) -> None:
    await client.get("/api/v1/generations/gen_of_nobody")
    await client.get("/api/v1/../etc/passwd")
    await client.get("/nowhere")
    await client.request("BREW", "/livez")

    text = await scrape(client)

    route = "/api/v1/generations/{generation_id}"
    assert f'wan_http_requests_total{{method="GET",route="{route}",status="404"}} 1.0' in text, text
    assert f'wan_rejections_total{{reason="unknown-generation",route="{route}"}} 1.0' in text
    assert 'wan_http_requests_total{method="GET",route="none",status="404"} 2.0' in text
    assert 'method="other"' in text
    assert "BREW" not in text


async def test_no_id_prompt_or_key_is_in_the_metrics(client: httpx.AsyncClient) -> None:
    made = await submit(client, **{"Idempotency-Key": "key-of-my-own", "X-Request-ID": "mine-7"})
    await client.get(f"/api/v1/generations/{made}")

    text = await scrape(client)

    for secret in (made, CANARY, "key-of-my-own", "mine-7"):
        assert secret not in text


async def test_a_request_is_logged_once_with_its_id_its_route_and_its_trace(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    made = await submit(client, **{"X-Request-ID": "mine-7", "traceparent": TRACEPARENT})

    [line] = [record for record in caplog.records if record.message == "answered"]
    told = vars(line)
    assert told["request_id"] == "mine-7"
    assert (told["method"], told["route"], told["status"]) == ("POST", "/api/v1/generations", "202")
    assert told["trace_id"] == TRACE
    assert told["client"] == "local"
    assert told["duration_ms"] >= 0
    assert made not in str(told)
    assert CANARY not in caplog.text


async def test_a_refusal_is_logged_with_its_reason_and_probes_are_not(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    refused = await client.get("/api/v1/generations/gen_of_nobody")
    await client.get("/livez")
    await scrape(client)

    [line] = [record for record in caplog.records if record.message == "answered"]
    assert vars(line)["reason"] == "unknown-generation"
    assert vars(line)["request_id"] == refused.json()["instance"]


@pytest.mark.parametrize("given", [TRACEPARENT, "not a trace", None])
async def test_the_trace_of_a_request_stays_with_its_job(
    client: httpx.AsyncClient, jobs: InMemoryJobs, given: str | None
) -> None:
    await submit(client, **({"traceparent": given} if given else {}))

    [job] = jobs.kept
    assert job.traceparent == (TRACEPARENT if given == TRACEPARENT else None)


async def test_the_gpu_is_ready_until_no_slot_can_be_started_in(
    client: httpx.AsyncClient, lane: RunGeneration
) -> None:
    assert (await client.get("/readyz/gpu")).json() == {
        "status": "ready",
        "checks": {"slot 0": "ok"},
    }

    for job_id in ("gen_1", "gen_2"):
        lane.slot.note_end(job_id, AcceleratorFault("It fell off the bus."), now=0.0)

    refused = await client.get("/readyz/gpu")
    assert refused.status_code == 503
    assert refused.json()["errors"][0]["pointer"] == "/slot 0"
    assert (await client.get("/readyz")).status_code == 200, "what is asked is kept all the same"
    assert 'wan_worker_up{slot="0"} 0.0' in await scrape(client)


async def test_whoever_is_answered_was_started(client: httpx.AsyncClient) -> None:
    assert (await client.get("/startupz")).json() == {"status": "started"}
