"""Following a generation: what a client that was away gets is exactly what it has not seen."""

import asyncio
import json

import httpx
import pytest
from litestar import Litestar

from application.queries import Queries
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.jobs import InMemoryJobs
from tests.integration.http.lives import complete, finish_step, start
from tests.integration.http.raw import OWN_HOST, Answer, exchange
from tests.integration.http.test_generations import GENERATIONS, submit


def parse(stream: str) -> list[dict[str, str]]:
    """The events of a stream, comments left out."""
    blocks = [block for block in stream.split("\r\n\r\n") if block]
    return [
        dict(line.split(": ", 1) for line in block.split("\r\n"))
        for block in blocks
        if not block.startswith(":")
    ]


@pytest.fixture
async def finished(client: httpx.AsyncClient, jobs: InMemoryJobs, store: FakeArtifactStore) -> str:
    """A completed generation with six events; another one's lie between them."""
    job_id = await submit(client)
    await submit(client, "another")
    await start(jobs, job_id)
    await finish_step(jobs, job_id, 1)
    await submit(client, "a third")
    await complete(jobs, store, job_id)
    return job_id


async def test_every_event_is_told_in_order_and_the_stream_ends(
    client: httpx.AsyncClient, finished: str
) -> None:
    response = await client.get(f"{GENERATIONS}/{finished}/events")

    events = parse(response.text)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "private, no-store"
    assert [(event["id"], event["event"]) for event in events] == [
        ("1", "queued"),
        ("3", "started"),
        ("4", "stage"),
        ("5", "step"),
        ("7", "publishing"),
        ("8", "completed"),
    ]
    assert json.loads(events[3]["data"]) == {
        "generation": finished,
        "status": "running",
        "stage": "denoising",
        "step": 1,
        "steps": 12,
        "progress": 0.1467,
        "attempt": 1,
        "message": None,
        "code": None,
        "at": "2026-01-01T12:00:00Z",
        "preview_step": None,
    }


@pytest.mark.parametrize("seen", range(9))
async def test_last_event_id_resumes_with_exactly_the_rest(
    client: httpx.AsyncClient, finished: str, seen: int
) -> None:
    url = f"{GENERATIONS}/{finished}/events"
    everything = parse((await client.get(url)).text)

    by_header = await client.get(url, headers={"Last-Event-ID": str(seen)})
    by_query = await client.get(url, params={"after": seen})

    rest = [event for event in everything if int(event["id"]) > seen]
    assert parse(by_header.text) == parse(by_query.text) == rest


async def test_the_header_wins_over_the_query_a_browser_repeats(
    client: httpx.AsyncClient, finished: str
) -> None:
    response = await client.get(
        f"{GENERATIONS}/{finished}/events", params={"after": 0}, headers={"Last-Event-ID": "7"}
    )

    assert [event["id"] for event in parse(response.text)] == ["8"]


@pytest.mark.parametrize("bad", ["x", "-1", "1.5", "", "9" * 30, "1 or 1=1"])
async def test_a_bad_last_event_id_is_refused(
    client: httpx.AsyncClient, finished: str, bad: str
) -> None:
    response = await client.get(f"{GENERATIONS}/{finished}/events", headers={"Last-Event-ID": bad})

    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"


async def test_an_event_is_told_the_moment_it_happens(
    app: Litestar, client: httpx.AsyncClient, jobs: InMemoryJobs
) -> None:
    job_id = await submit(client)

    async with exchange(app, f"{GENERATIONS}/{job_id}/events") as answer:
        queued = await next_event(answer)
        await client.post(f"{GENERATIONS}/{job_id}/cancel")
        cancelled = await next_event(answer)
        end = await answer.body()

    assert (queued, cancelled) == ("queued", "cancelled")
    assert end == b""


async def test_silence_is_broken_by_comments_that_are_no_events(
    app: Litestar, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await submit(client)
    defaults = Queries.follow.__kwdefaults__
    assert defaults["heartbeat_s"] == 15.0
    monkeypatch.setitem(defaults, "heartbeat_s", 0.01)

    async with exchange(
        app, f"{GENERATIONS}/{job_id}/events", headers=[*OWN_HOST, (b"last-event-id", b"1")]
    ) as answer:
        silence = await asyncio.wait_for(answer.chunks.get(), 5)

    assert silence == b": still here\r\n\r\n"


async def test_a_client_that_hangs_up_leaves_nothing_behind(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    job_id = await submit(client)
    before = asyncio.all_tasks()

    async with exchange(app, f"{GENERATIONS}/{job_id}/events") as answer:
        await next_event(answer)

    assert asyncio.all_tasks() == before


async def next_event(answer: Answer) -> str:
    chunk = await asyncio.wait_for(answer.chunks.get(), 5)
    return parse(chunk.decode())[0]["event"]
