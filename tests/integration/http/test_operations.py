"""What operators and programs ask about the server itself."""

import subprocess
import sys

import httpx
from litestar import Litestar

#: What the server must reach without; each costs start-up time or memory, or is a worker's business.
HEAVY = {"torch", "numpy", "av", "pydantic", "jinja2", "faker", "polyfactory", "httpx", "rich"}


async def test_livez_answers_whatever_is_broken(
    client: httpx.AsyncClient, checks: dict[str, str | None]
) -> None:
    checks["database"] = "gone"

    response = await client.get("/livez")

    assert (response.status_code, response.json()) == (200, {"status": "alive"})


async def test_readyz_names_every_check(client: httpx.AsyncClient) -> None:
    response = await client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {"status": "ready", "checks": {"database": "ok", "disk": "ok"}}


async def test_readyz_says_which_check_failed(
    client: httpx.AsyncClient, checks: dict[str, str | None]
) -> None:
    checks["disk"] = "1 MiB left"

    response = await client.get("/readyz")

    problem = response.json()
    assert (response.status_code, problem["code"], problem["retryable"]) == (503, "not-ready", True)
    assert problem["detail"] == "Not ready: disk."
    assert problem["errors"] == [{"pointer": "/disk", "reason": "1 MiB left", "nearest": []}]


async def test_the_description_is_openapi_and_has_every_route(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    response = await client.get("/schema/openapi.json")

    document = response.json()
    assert response.status_code == 200
    assert document["openapi"].startswith("3.1")
    described = {
        (path, method.upper()) for path, methods in document["paths"].items() for method in methods
    }
    routed = {
        (route.path_format, method)
        for route in app.routes
        for method in route.methods - {"OPTIONS"}
        if not route.path.startswith("/schema")
    }
    assert described == routed
    assert len(described) == 27


async def test_every_reference_in_the_description_leads_somewhere(
    client: httpx.AsyncClient,
) -> None:
    text = (await client.get("/schema/openapi.json")).text
    schemas = (await client.get("/schema/openapi.json")).json()["components"]["schemas"]

    references = {part.split('"', 1)[0] for part in text.split('"#/components/schemas/')[1:]}

    assert references <= schemas.keys()
    assert len(references) >= 15


async def test_every_refusal_is_described_as_a_problem(client: httpx.AsyncClient) -> None:
    document = (await client.get("/schema/openapi.json")).json()

    refusals = [
        response["content"]
        for methods in document["paths"].values()
        for operation in methods.values()
        for status, response in operation["responses"].items()
        if status >= "400"
    ]

    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    assert all(content == {"application/problem+json": problem} for content in refusals)
    assert len(refusals) > 30


async def test_the_body_is_described_with_its_limits_and_examples(
    client: httpx.AsyncClient,
) -> None:
    document = (await client.get("/schema/openapi.json")).json()

    body = document["components"]["schemas"]["NewGeneration"]
    assert body["additionalProperties"] is False
    assert body["required"] == ["prompt"]
    assert body["properties"]["prompt"]["maxLength"] == 4000
    assert body["properties"]["steps"]["maximum"] == 100
    assert body["properties"]["priority"]["minimum"] == -100
    assert all(
        field.get("description") and field.get("examples") for field in body["properties"].values()
    )


def test_nothing_heavy_is_loaded_for_it() -> None:
    program = """
import sys
from litestar.di import Provide
from adapters.http.app import create_app
names = ("submit", "cancel", "retry", "steer", "queries", "estimate", "upload", "upload_video",
         "checkpoints", "work", "removing", "loras", "machine", "history", "readiness", "stopping")
nothing = {name: Provide(lambda: None, sync_to_thread=False) for name in names}
app = create_app(dependencies=nothing, lifespan=[], allowed_hosts=[], version="1")
app.openapi_schema.to_schema()
print(*{name.partition(".")[0] for name in sys.modules})
"""

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd="src"
    )

    loaded = set(done.stdout.split())
    assert "litestar" in loaded
    assert loaded & HEAVY == set()
