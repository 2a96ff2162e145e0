"""A whole server on loopback that draws test cards in its own process, and OpenAI's own client of it."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import openai
import pytest

from bootstrap.core_container import CoreContainer
from bootstrap.server import build_app, http_server, running
from bootstrap.server_container import ServerContainer
from bootstrap.settings import load_settings

#: OpenAI tells of the end of its own service with every call.
SORAS_END = "ignore:The Sora API is scheduled:DeprecationWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "integration/openai" in str(item.path):
            item.add_marker(pytest.mark.filterwarnings(SORAS_END))


@contextmanager
def serving(data_dir: Path, **settings: object) -> Iterator[str]:
    """A server until the end of the block. Yields where it is."""
    overrides = {
        "data_dir": str(data_dir),
        "renderer": "inprocess",
        "pipeline.backend": "synthetic",
        **{name.replace("__", "."): value for name, value in settings.items()},
    }
    core = CoreContainer(settings=load_settings(overrides=overrides, environment={}))
    core.data_directory().prepare()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        started, ending = threading.Event(), threading.Event()
        arguments = (ServerContainer(core=core), listener, started, ending)
        thread = threading.Thread(target=lambda: asyncio.run(_serve(*arguments)))
        thread.start()
        try:
            assert started.wait(30), "the server did not start"
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ending.set()
            thread.join(30)


async def _serve(
    container: ServerContainer,
    listener: socket.socket,
    started: threading.Event,
    ending: threading.Event,
) -> None:
    async with running(container) as dispatching:
        stopping = asyncio.Event()
        app = build_app(container, dispatching, stopping)
        server = http_server(app)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        started.set()
        await asyncio.to_thread(ending.wait)
        stopping.set()
        server.should_exit = True
        await task


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server") / "data"


@pytest.fixture(scope="module")
def url(data_dir: Path) -> Iterator[str]:
    """A server that the tests of a module share."""
    with serving(data_dir) as url:
        yield url


@pytest.fixture
def paused(url: str) -> Iterator[None]:
    """Nothing is started meanwhile."""
    httpx.post(f"{url}/api/v1/queue/pause").raise_for_status()
    yield
    httpx.post(f"{url}/api/v1/queue/resume").raise_for_status()


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        yield client
