"""A whole server on loopback that draws test cards in its own process."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bootstrap.core_container import CoreContainer
from bootstrap.server import build_app, http_server, running
from bootstrap.server_container import ServerContainer
from bootstrap.settings import load_settings


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
