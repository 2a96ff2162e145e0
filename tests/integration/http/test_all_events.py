"""Following all generations at once."""

import json

import httpx
import pytest
from litestar import Litestar

from adapters.http import streams
from tests.fakes.jobs import InMemoryJobs
from tests.integration.http.lives import start
from tests.integration.http.raw import OWN_HOST, exchange
from tests.integration.http.test_events import parse
from tests.integration.http.test_generations import submit

EVENTS = "/api/v1/events"


async def test_every_generations_events_are_told_from_now_on(
    app: Litestar, client: httpx.AsyncClient, jobs: InMemoryJobs
) -> None:
    before = await submit(client)

    async with exchange(app, EVENTS) as answer:
        later = await submit(client, "another")
        await start(jobs, before)
        await answer.chunks.get()  # where it begins
        told = parse("".join([(await answer.chunks.get()).decode() for _ in range(3)]))

    assert [(event["id"], event["event"]) for event in told] == [
        ("2", "queued"),
        ("3", "started"),
        ("4", "stage"),
    ]
    whose = [json.loads(event["data"])["generation"] for event in told]
    assert whose == [later, before, before]


async def test_a_client_that_was_away_gets_exactly_what_it_missed(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    for _ in range(3):
        await submit(client)
    headers = [*OWN_HOST, (b"last-event-id", b"1")]

    async with exchange(app, f"{EVENTS}?after=0", headers=headers) as answer:
        told = parse("".join([(await answer.chunks.get()).decode() for _ in range(2)]))

    assert [event["id"] for event in told] == ["2", "3"]


async def test_no_stream_is_held_for_ever_and_the_next_one_tells_the_rest(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MAX_STREAM_S", 0.05)
    await submit(client)
    first = await client.get(f"{EVENTS}?after=0")  # which returns, as the stream has ended
    await submit(client)

    rest = await client.get(EVENTS, headers={"Last-Event-ID": "1"})

    assert [event["id"] for event in parse(first.text)] == ["1"]
    assert [event["id"] for event in parse(rest.text)] == ["2"]


async def test_a_stream_says_where_it_begins_so_that_nothing_is_lost_where_it_ends(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One that had told nothing was followed by one "from now on", and what came between was not told.
    monkeypatch.setattr(streams, "MAX_STREAM_S", 0.05)
    await submit(client)

    begun = await client.get(EVENTS)

    assert "id: 1" in begun.text.splitlines()
    assert "data" not in begun.text
