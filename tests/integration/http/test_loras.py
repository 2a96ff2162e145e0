"""LoRAs over HTTP: which there are, and how a generation names them."""

import httpx

from domain.lora import Expert
from tests.fakes.lora_catalog import FakeLoraCatalog, a_lora

GENERATIONS = "/api/v1/generations"


async def test_they_are_listed_with_what_their_files_say(
    client: httpx.AsyncClient, loras: FakeLoraCatalog
) -> None:
    loras.keep(a_lora("turn", ranks=(4, 8), alphas=(2.0,), unknown=("x", "y")))
    loras.keep_broken("anime", "anime.safetensors is damaged.")

    anime, turn = (await client.get("/api/v1/loras")).json()["data"]

    assert (anime["available"], anime["problem"], anime["files"]) == (
        False,
        "anime.safetensors is damaged.",
        [],
    )
    assert (turn["name"], turn["available"], turn["family"]) == ("turn", True, "mini")
    assert turn["files"] == [
        {
            "file": "turn.safetensors",
            "size_bytes": 1000,
            "experts": [*Expert],
            "ranks": [4, 8],
            "alphas": [2.0],
            "tensors": 2,
            "unknown": 2,
            "sha256": None,
        }
    ]


async def test_one_is_told_with_what_its_files_are_to_the_byte(
    client: httpx.AsyncClient, loras: FakeLoraCatalog
) -> None:
    loras.keep(a_lora("turn"))
    before = (await client.get("/api/v1/loras/turn")).json()
    loras.keep(a_lora("turn"))

    after = (await client.get("/api/v1/loras/turn")).json()

    assert (after["name"], after["available"], after["family"]) == ("turn", True, "mini")
    assert before["files"][0]["sha256"] == f"{1:064x}"
    assert after["files"][0]["sha256"] == f"{2:064x}"


async def test_one_that_is_not_here_or_damaged_says_so(
    client: httpx.AsyncClient, loras: FakeLoraCatalog
) -> None:
    loras.keep_broken("turn", "turn.safetensors is damaged.")

    unknown, damaged = [await client.get(f"/api/v1/loras/{name}") for name in ("trun", "turn")]

    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown-lora")
    assert unknown.json()["errors"][0]["nearest"] == ["turn"]
    assert (damaged.status_code, damaged.json()["code"]) == (422, "lora-unusable")


async def test_a_generation_keeps_them_with_their_strengths_and_hashes(
    client: httpx.AsyncClient, loras: FakeLoraCatalog
) -> None:
    for name in ("turn", "anime"):
        loras.keep(a_lora(name))
    asked = [{"name": "turn", "strength": 0.8}, {"name": "anime", "strength_low_noise": 0.5}]

    answer = await client.post(GENERATIONS, json={"prompt": "x", "loras": asked})

    assert answer.status_code == 202
    kept = (await client.get(answer.headers["Location"])).json()["request"]["loras"]
    told = [(use["name"], use["strength_high_noise"], use["strength_low_noise"]) for use in kept]
    assert told == [("turn", 0.8, 0.8), ("anime", 1.0, 0.5)]
    assert all(len(sha256) == 64 for use in kept for sha256 in use["sha256"])


async def test_an_unknown_one_is_refused_with_those_there_are(
    client: httpx.AsyncClient, loras: FakeLoraCatalog
) -> None:
    loras.keep(a_lora("turn"))
    asked = [{"name": "turn"}, {"name": "trun"}]

    answer = await client.post(GENERATIONS, json={"prompt": "x", "loras": asked})

    assert answer.status_code == 422
    (problem,) = answer.json()["errors"]
    assert problem["pointer"] == "/loras/1/name"
    assert problem["nearest"] == ["turn"]
    assert "the folder `loras`" in problem["reason"]


async def test_a_damaged_one_is_refused_with_its_problem(
    client: httpx.AsyncClient, loras: FakeLoraCatalog
) -> None:
    loras.keep_broken("turn", "turn.safetensors is cut short by 3 bytes.")

    answer = await client.post(GENERATIONS, json={"prompt": "x", "loras": [{"name": "turn"}]})

    assert (answer.status_code, answer.json()["code"]) == (422, "lora-unusable")
    assert "cut short" in answer.json()["detail"]


async def test_a_field_that_a_lora_does_not_have_is_refused(
    client: httpx.AsyncClient, loras: FakeLoraCatalog
) -> None:
    loras.keep(a_lora("turn"))

    for asked in ([{"name": "turn", "strengt": 1}], [{"strength": 1}], ["turn"], {"name": "turn"}):
        answer = await client.post(GENERATIONS, json={"prompt": "x", "loras": asked})
        assert answer.status_code in {400, 422}, asked
