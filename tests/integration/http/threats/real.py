"""A whole server in the test's own process: real files, a real database, real pictures and videos."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bootstrap.core_container import CoreContainer
from bootstrap.server import build_app, running
from bootstrap.server_container import ServerContainer
from bootstrap.settings import load_settings
from domain.access import Quota, Scope
from tests.integration.http.raw import OWN_ORIGIN

#: Half a second to make, as a test card.
SMALL = {"width": 32, "height": 32, "num_frames": 5, "steps": 2}


@dataclass(frozen=True)
class Real:
    """`client` shows `secret`, a key that may do everything."""

    client: httpx.AsyncClient
    secret: str
    data_dir: Path

    async def made(self, prompt: str, **fields: object) -> str:
        """The id of a generation whose video is there."""
        body = {"prompt": prompt, **SMALL, **fields}
        submitted = await self.client.post("/api/v1/generations", json=body)
        assert submitted.status_code == 202, submitted.text
        job_id = str(submitted.json()["id"])
        events = await self.client.get(f"/api/v1/generations/{job_id}/events")
        assert "event: completed" in events.text, events.text
        return job_id


@asynccontextmanager
async def real_server(folder: Path) -> AsyncIterator[Real]:
    data_dir = folder / "data"
    overrides = {
        "data_dir": str(data_dir),
        "renderer": "inprocess",
        "pipeline.backend": "synthetic",
        "disk.soft_mib": 0,
        "disk.hard_mib": 0,
    }
    core = CoreContainer(settings=load_settings(overrides=overrides, environment={}))
    core.data_directory().prepare()
    _, secret = core.manage_keys().create("boss", Scope.ADMIN, Quota(submissions_per_minute=10_000))
    container = ServerContainer(core=core)
    async with running(container) as dispatching:
        app = build_app(container, dispatching, asyncio.Event())
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {secret}"}
        async with httpx.AsyncClient(
            transport=transport, base_url=OWN_ORIGIN, headers=headers
        ) as client:
            yield Real(client, secret, data_dir)
