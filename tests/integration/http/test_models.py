"""Checkpoints over HTTP: listed, fetched, proven, mended, taken away."""

import asyncio
from typing import Any

import httpx

from application.work_on_checkpoints import WorkOnCheckpoints
from domain.checkpoint import CHECKPOINTS
from domain.repository import REPOSITORIES
from domain.stored_checkpoint import Origin
from tests.fakes.checkpoint_store import FakeCheckpointStore, manifest_of
from tests.fakes.model_hub import COMMIT, FakeModelHub

TI2V = "/api/v1/models/ti2v-5B"
FILES = {"model_index.json": b"{}", "transformer/model.safetensors": b"weights" * 9}


async def ended(client: httpx.AsyncClient) -> dict[str, Any]:
    """TI2V-5B, once nothing works on it."""
    while True:
        model: dict[str, Any] = (await client.get(TI2V)).json()
        if model["work"] and model["work"]["status"] != "running":
            return model
        await asyncio.sleep(0.005)


async def test_every_checkpoint_is_listed_here_or_not(client: httpx.AsyncClient) -> None:
    models = (await client.get("/api/v1/models")).json()["data"]

    assert [model["id"] for model in models] == [spec.id for spec in CHECKPOINTS]
    mini, other = models[0], models[2]
    assert (mini["available"], mini["problem"], mini["weight_bytes"]) == (True, None, 2000)
    assert mini["native_sizes"] == [{"width": 128, "height": 128}]
    assert (mini["side_multiple"], mini["frame_stride"]) == (16, 4)
    assert mini["defaults"]["num_frames"] == 17
    assert mini["prompts"] == list(CHECKPOINTS[0].prompts)
    assert [model["has_two_experts"] for model in models[:3]] == [True, False, True]
    assert other["available"] is False
    assert other["problem"] == "It is not here."
    assert other["weight_bytes"] is None


async def test_one_that_was_put_there_says_how_and_how_large(
    client: httpx.AsyncClient, checkpoint_store: FakeCheckpointStore
) -> None:
    checkpoint_store.put("ti2v-5B", FILES, manifest_of("ti2v-5B", FILES))

    model = (await client.get(TI2V)).json()

    assert (model["id"], model["origin"], model["size_bytes"]) == ("ti2v-5B", "pulled", 65)
    assert model["source"] == "Wan-AI/ti2v-5B at c0ffeec0ffee"
    assert model["state"] == "broken"  # this catalog does not know it
    assert (model["work"], model["unfinished"]) == (None, None)


async def test_what_a_pull_would_bring_is_told_beforehand(
    client: httpx.AsyncClient, hub: FakeModelHub
) -> None:
    answer = await client.get(f"{TI2V}/offer")

    assert answer.json() == {
        "repository": REPOSITORIES["ti2v-5B"],
        "revision": COMMIT,
        "size_bytes": 65,
        "files": 2,
    }
    assert hub.readings == []


async def test_what_the_hub_does_not_have_is_not_found(
    client: httpx.AsyncClient, hub: FakeModelHub
) -> None:
    hub.repositories = {}

    answers = [await client.get(f"/api/v1/models/{name}/offer") for name in ("ti2v-5B", "mini")]

    told = [(answer.status_code, answer.json()["code"]) for answer in answers]
    assert told == [(404, "repository-unknown"), (409, "not-pullable")]


async def test_one_is_pulled_and_its_progress_is_told(
    client: httpx.AsyncClient, checkpoint_store: FakeCheckpointStore
) -> None:
    answer = await client.post(f"{TI2V}/pull")

    assert answer.status_code == 202
    assert (answer.json()["kind"], answer.json()["checkpoint_id"]) == ("pull", "ti2v-5B")
    model = await ended(client)
    assert model["work"]["status"] == "completed"
    assert model["work"]["progress"]["done_bytes"] == model["work"]["progress"]["total_bytes"] == 65
    assert model["source"] == f"{REPOSITORIES['ti2v-5B']} at {COMMIT[:12]}"
    assert checkpoint_store.files["ti2v-5B"] == FILES


async def test_a_pull_that_failed_says_why_and_goes_on_when_asked_again(
    client: httpx.AsyncClient, hub: FakeModelHub, checkpoint_store: FakeCheckpointStore
) -> None:
    hub.cuts = [1, 0, 0, 0, 0, 0]

    await client.post(f"{TI2V}/pull")

    model = await ended(client)
    assert (model["work"]["status"], model["work"]["code"]) == ("failed", "hub-unreachable")
    assert model["state"] == "unfinished"
    assert model["unfinished"] == {
        "repository": REPOSITORIES["ti2v-5B"],
        "revision": COMMIT,
        "done_bytes": 1,
        "total_bytes": 65,
    }
    await client.post(f"{TI2V}/pull")
    assert (await ended(client))["work"]["status"] == "completed"
    assert checkpoint_store.files["ti2v-5B"] == FILES


async def test_faults_are_found_and_mended(
    client: httpx.AsyncClient, checkpoint_store: FakeCheckpointStore
) -> None:
    await client.post(f"{TI2V}/pull")
    await ended(client)
    checkpoint_store.files["ti2v-5B"]["model_index.json"] = b"{"

    await client.post(f"{TI2V}/verify")
    found = (await ended(client))["work"]
    await client.post(f"{TI2V}/repair")
    mended = (await ended(client))["work"]

    fault = {"name": "model_index.json", "fault": "cut short", "detail": ""}
    assert (found["kind"], found["faults"]) == ("verify", [fault])
    assert (mended["kind"], mended["faults"]) == ("repair", [fault])
    assert checkpoint_store.files["ti2v-5B"] == FILES


async def test_what_cannot_be_tried_is_refused_at_once(
    client: httpx.AsyncClient, checkpoint_store: FakeCheckpointStore
) -> None:
    checkpoint_store.put("mini", FILES, manifest_of("mini", FILES), Origin.EMBEDDED)

    async def refusal(method: str, path: str) -> tuple[int, str]:
        answer = await client.request(method, f"/api/v1/models/{path}")
        return answer.status_code, answer.json()["code"]

    assert await refusal("POST", "mini/pull") == (409, "not-pullable")
    assert await refusal("POST", "mini/repair") == (409, "not-pullable")
    assert await refusal("DELETE", "mini") == (409, "not-removable")
    assert await refusal("POST", "ti2v-5B/verify") == (422, "model-missing")
    assert await refusal("DELETE", "ti2v-5B") == (422, "model-missing")
    for method, path in (("POST", "sora/pull"), ("GET", "sora"), ("DELETE", "sora")):
        assert await refusal(method, path) == (404, "unknown-checkpoint")


async def test_work_is_stopped_where_there_is_some(
    client: httpx.AsyncClient, checkpoint_store: FakeCheckpointStore
) -> None:
    idle = await client.post(f"{TI2V}/stop")
    checkpoint_store.put("ti2v-5B", FILES, manifest_of("ti2v-5B", FILES))
    await client.post(f"{TI2V}/verify")
    over = await client.post(f"{TI2V}/stop")
    again = await client.post(f"{TI2V}/stop")

    assert (idle.status_code, idle.json()["code"]) == (409, "no-work")
    assert (over.status_code, over.json()["kind"]) == (202, "verify")
    assert over.json()["status"] in ("completed", "stopped")
    assert again.json() == over.json()


async def test_one_is_removed(
    client: httpx.AsyncClient, checkpoint_store: FakeCheckpointStore
) -> None:
    checkpoint_store.put("ti2v-5B", {**FILES, "notes": b"mine"}, manifest_of("ti2v-5B", FILES))

    answer = await client.delete(TI2V)

    assert (answer.status_code, answer.json()) == (
        200,
        {"files": 3, "freed_bytes": 65, "left": ["notes"]},
    )


async def test_another_page_may_not_begin_a_pull(
    client: httpx.AsyncClient, work: WorkOnCheckpoints
) -> None:
    answer = await client.post(f"{TI2V}/pull", headers={"Origin": "http://evil.example"})

    assert answer.status_code == 403
    assert work.latest("ti2v-5B") is None
