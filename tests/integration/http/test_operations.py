"""What operators and programs ask about the server itself."""

import subprocess
import sys

import httpx

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


def test_nothing_heavy_is_loaded_for_it() -> None:
    program = """
import sys
from pathlib import Path
from litestar.di import Provide
from adapters.http.app import create_app
names = ("submit", "cancel", "retry", "derive", "discard", "steer", "queries", "browse", "judge",
         "deleting", "excerpts", "estimate", "upload", "upload_video",
         "checkpoints", "work", "removing", "loras", "machine", "history", "readiness", "gpu_readiness",
         "metrics", "stopping")
nothing = {name: Provide(lambda: None, sync_to_thread=False) for name in names}
app = create_app(dependencies=nothing, doorkeeper=None, lifespan=[], allowed_hosts=[],
                 default_model="mini", version="1", page=Path("nowhere"))
app.openapi_schema.to_schema()
print(*{name.partition(".")[0] for name in sys.modules})
"""

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd="src"
    )

    loaded = set(done.stdout.split())
    assert "litestar" in loaded
    assert loaded & HEAVY == set()
