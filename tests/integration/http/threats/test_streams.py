"""Row S4: streams end when their key does, and nobody holds more than a share of them."""

import asyncio
from contextlib import AsyncExitStack

import httpx
import pytest
from litestar import Litestar

from application.manage_keys import ManageKeys
from application.queries import Queries
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.jobs import InMemoryJobs
from tests.integration.http.lives import complete, start
from tests.integration.http.raw import OWN_HOST, Headers, exchange
from tests.integration.http.test_events import next_event
from tests.integration.http.test_generations import GENERATIONS, submit
from tests.integration.http.threats.conftest import NewClient


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A heartbeat comes at once; there is one every 15 s, so that 60 s hold four."""
    assert Queries.follow.__kwdefaults__["heartbeat_s"] == 15.0
    monkeypatch.setitem(Queries.follow.__kwdefaults__, "heartbeat_s", 0.01)


def shown(client: httpx.AsyncClient) -> Headers:
    return [*OWN_HOST, (b"authorization", client.headers["authorization"].encode())]


async def test_s04_a_stream_ends_once_its_key_is_revoked(
    app: Litestar, new_client: NewClient, manage: ManageKeys
) -> None:
    ann = new_client("ann")
    url = f"{GENERATIONS}/{await submit(ann)}/events"
    before = asyncio.all_tasks()

    async with exchange(app, url, headers=shown(ann)) as answer:
        assert await next_event(answer) == "queued"
        manage.revoke("ann")
        async with asyncio.timeout(5):
            await answer.body()

    assert (await ann.get(url)).status_code == 401
    assert asyncio.all_tasks() == before


async def test_s04_a_stream_without_a_key_ends_once_keys_are_asked_for(
    app: Litestar, client: httpx.AsyncClient, new_client: NewClient
) -> None:
    url = f"{GENERATIONS}/{await submit(client)}/events"

    async with exchange(app, url) as answer:
        assert await next_event(answer) == "queued"
        new_client("ann")
        async with asyncio.timeout(5):
            await answer.body()


async def test_s04_others_streams_go_on(
    app: Litestar, new_client: NewClient, manage: ManageKeys
) -> None:
    ann = new_client("ann")
    new_client("bob")
    job_id = await submit(ann)

    async with exchange(app, f"{GENERATIONS}/{job_id}/events", headers=shown(ann)) as answer:
        assert await next_event(answer) == "queued"
        manage.revoke("bob")
        await ann.post(f"{GENERATIONS}/{job_id}/cancel")

        assert "cancelled" in (await answer.body()).decode()


async def test_s04_a_download_ends_once_its_key_is_revoked(
    app: Litestar,
    new_client: NewClient,
    manage: ManageKeys,
    jobs: InMemoryJobs,
    store: FakeArtifactStore,
) -> None:
    ann = new_client("ann")
    job_id = await submit(ann)
    await start(jobs, job_id)
    content = b"x" * 2**20
    await complete(jobs, store, job_id, content)
    received = 0

    async def send(message: dict[str, object]) -> None:
        nonlocal received
        received += len(message.get("body", b""))  # type: ignore[arg-type]
        if received:
            manage.all()[0].revoked_at or manage.revoke("ann")

    await _ask(app, f"/api/v1/outputs/{job_id}/video", shown(ann), send)

    assert 0 < received < len(content)


async def test_s04_a_key_holds_its_share_of_streams(app: Litestar, new_client: NewClient) -> None:
    ann, bob = new_client("ann", streams=2), new_client("bob")
    url = f"{GENERATIONS}/{await submit(ann)}/events"

    async with exchange(app, url, headers=shown(ann)):
        async with exchange(app, url, headers=shown(ann)):
            refused = await ann.get(url)
        async with exchange(app, url, headers=shown(ann)) as answer:
            assert answer.status == 200
        bobs = f"{GENERATIONS}/{await submit(bob)}/events"
        async with exchange(app, bobs, headers=shown(bob)) as answer:
            assert answer.status == 200

    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-streams")
    assert int(refused.headers["retry-after"]) > 0


async def test_s04_all_together_hold_the_total(app: Litestar, client: httpx.AsyncClient) -> None:
    url = f"{GENERATIONS}/{await submit(client)}/events"

    async with AsyncExitStack() as held:
        for _ in range(8):
            answer = await held.enter_async_context(exchange(app, url))
            assert answer.status == 200
        assert (await client.get(url)).status_code == 429
        assert (await client.get("/api/v1/queue")).status_code == 200

    async with exchange(app, url) as answer:
        assert answer.status == 200


async def test_s04_a_websocket_is_not_spoken(client: httpx.AsyncClient) -> None:
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}

    answer = await client.get("/api/v1/queue", headers=headers)

    assert answer.status_code == 200
    assert "upgrade" not in answer.headers


async def _ask(app: Litestar, path: str, headers: Headers, send: object) -> None:
    """A request whose answer `send` takes as it likes."""
    parts = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, object]:
        if parts:
            return parts.pop()
        await asyncio.Event().wait()
        raise AssertionError

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": list(headers),
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8022),
    }
    await app(scope, receive, send)  # type: ignore[arg-type]
