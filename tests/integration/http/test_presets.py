"""Presets over HTTP: which there are, what they cost, and what they become."""

from typing import Any

import httpx

from domain.preset_costs import COSTS
from domain.presets import PRESETS
from tests.fakes.lora_catalog import FakeLoraCatalog, a_lora

GENERATIONS = "/api/v1/generations"


async def test_they_are_listed_with_what_was_measured(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/api/v1/presets")).json()["data"]

    assert [preset["name"] for preset in listed] == [preset.name for preset in PRESETS]
    by_name = {preset["name"]: preset for preset in listed}
    assert len(by_name["balanced"]["measured"]) == 2
    costs = {(cost.checkpoint, cost.preset): cost for cost in COSTS}
    assert by_name["draft"]["measured"][0]["psnr_db"] == costs["mini", "draft"].psnr_db
    assert by_name["draft"]["checkpoints"] is None
    assert by_name["distilled-4"]["checkpoints"] == ["i2v-A14B", "t2v-A14B"]
    assert by_name["distilled-4"]["measured"] == []


async def test_what_one_needs_is_told_and_whether_it_is_here(
    client: httpx.AsyncClient, loras: FakeLoraCatalog
) -> None:
    loras.keep(a_lora("wan2.2_t2v_lightx2v_4steps"))

    listed = (await client.get("/api/v1/presets")).json()["data"]

    by_name = {preset["name"]: preset["needs"] for preset in listed}
    image, text = by_name["distilled-4"]
    assert (image["checkpoint"], image["lora"]) == ("i2v-A14B", None)
    assert (text["checkpoint"], text["lora"]) == ("t2v-A14B", "wan2.2_t2v_lightx2v_4steps")
    assert "i2v_lightx2v" in image["example"]
    assert image["source"].startswith("huggingface.co/")
    assert by_name["balanced"] == []


async def test_a_generation_keeps_the_fields_that_a_preset_stands_for(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post(GENERATIONS, json={"prompt": "x", "preset": "draft"})

    assert answer.status_code == 202
    kept = answer.json()
    assert kept["request"]["step_cache"] == 0.4
    assert kept["request"]["guidance_until"] == 0.75
    assert kept["plan"]["forwards"] == 12 + 9


async def test_each_can_be_asked_for_by_itself(client: httpx.AsyncClient) -> None:
    asked: dict[str, Any] = {"prompt": "x", "step_cache": 0.1, "guidance_until": 0.5}

    request = (await client.post(GENERATIONS, json=asked)).json()["request"]

    assert (request["step_cache"], request["guidance_until"]) == (0.1, 0.5)


async def test_a_precision_is_kept_and_planned_and_no_other_is_taken(
    client: httpx.AsyncClient,
) -> None:
    kept = (await client.post(GENERATIONS, json={"prompt": "x", "preset": "fp8"})).json()
    planned = (await client.post("/api/v1/plans", json={"precision": "fp8"})).json()
    refused = await client.post(GENERATIONS, json={"prompt": "x", "precision": "fp4"})

    assert kept["request"]["precision"] == "fp8"
    assert kept["plan"]["placement"]["precision"] == "fp8"
    assert planned["plan"] == kept["plan"]
    [problem] = refused.json()["errors"]
    assert (problem["pointer"], problem["nearest"]) == ("/precision", ["fp8"])


async def test_what_cannot_be_is_refused_by_field(client: httpx.AsyncClient) -> None:
    asked = {"prompt": "x", "preset": "distilled-4"}

    answer = await client.post(GENERATIONS, json=asked)

    assert answer.status_code == 422
    [problem] = answer.json()["errors"]
    assert problem["pointer"] == "/preset"
    assert problem["nearest"] == ["exact", "balanced", "fp8", "draft"]


async def test_a_plan_counts_its_forwards(client: httpx.AsyncClient) -> None:
    told = (await client.post("/api/v1/plans", json={"preset": "draft"})).json()

    assert told["plan"]["forwards"] == 12 + 9
