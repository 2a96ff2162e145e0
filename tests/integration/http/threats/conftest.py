"""Clients with keys of their own."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest
from litestar import Litestar

from application.manage_keys import ManageKeys
from domain.access import Quota, Scope
from tests.fakes.clock import FakeClock
from tests.fakes.key_store import FakeKeyStore
from tests.integration.http.raw import OWN_ORIGIN
from tests.integration.http.threats.real import Real, real_server

#: Makes a key of that name, and a client that shows it.
NewClient: TypeAlias = Callable[..., httpx.AsyncClient]


@pytest.fixture
def manage(keys: FakeKeyStore, clock: FakeClock) -> ManageKeys:
    return ManageKeys(keys, clock)


@pytest.fixture
async def new_client(app: Litestar, manage: ManageKeys) -> AsyncIterator[NewClient]:
    async with AsyncExitStack() as stack:
        opened: list[httpx.AsyncClient] = []

        def make(name: str, scope: Scope = Scope.GENERATE, **quota: int) -> httpx.AsyncClient:
            _, secret = manage.create(name, scope, Quota(**quota))
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            headers = {"Authorization": f"Bearer {secret}"}
            opened.append(
                httpx.AsyncClient(transport=transport, base_url=OWN_ORIGIN, headers=headers)
            )
            stack.push_async_callback(opened[-1].aclose)
            return opened[-1]

        yield make


@pytest.fixture
async def submitted(client: httpx.AsyncClient) -> str:
    """A generation that waits."""
    return str((await client.post("/api/v1/generations", json={"prompt": "x"})).json()["id"])


@pytest.fixture
def keys_in_use(manage: ManageKeys) -> None:
    manage.create("ann", Scope.GENERATE, Quota())


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[Real]:
    async with real_server(tmp_path) as server:
        yield server
