"""The server process: opens what it owns, serves until it is told to stop, gives everything back."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from typing import Any, Final

import uvicorn
from litestar import Litestar
from litestar.di import Provide

from adapters.http.access import for_caller
from adapters.http.app import create_app
from adapters.http.connections import PatientProtocol
from adapters.http.page import BUILT_PAGE
from adapters.prometheus.exposition import CONTENT_TYPE
from application.derive_generation import DeriveGeneration
from bootstrap.core_container import CoreContainer
from bootstrap.logging import configure_logging
from bootstrap.server_container import ServerContainer
from bootstrap.setting_sources import SettingsError
from bootstrap.settings import Settings, url_host
from domain.access import Caller
from domain.errors import StorageError
from domain.ports.key_store import KeyStore

_log = logging.getLogger(__name__)

#: Seconds that open connections (event streams above all) have to end once the server stops.
_CONNECTION_GRACE_S: Final = 3
#: Connections that wait to be taken; a second server is refused from here on.
_BACKLOG: Final = 1024


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        SettingsError: the address cannot be listened on.
        DataDirectoryUnusable, DataDirectoryLocked: the data directory cannot be used.
    """
    configure_logging(settings.log, process="server")
    core = CoreContainer(settings=settings)
    directory = core.data_directory()
    with contextlib.closing(_listen(settings, core.keys())) as listener:
        directory.prepare()
        directory.lock()
        try:
            asyncio.run(_serve(ServerContainer(core=core), listener))
        finally:
            directory.unlock()
    _log.info("stopped")


async def _serve(container: ServerContainer, listener: socket.socket) -> None:
    async with running(container) as dispatching:
        stopping = asyncio.Event()
        app = build_app(container, dispatching, stopping)
        host, port = listener.getsockname()[:2]
        server = http_server(app)
        # What is there by now stays. Looking through it again would hold everything up for 90 ms each time.
        gc.collect()
        gc.freeze()

        serving = asyncio.create_task(server.serve(sockets=[listener]))
        data_dir = str(container.settings().data_dir)
        told = {"address": f"http://{url_host(host)}:{port}", "data_dir": data_dir}
        _log.info("serving", extra=told)
        await _until_drained(container, dispatching, serving)
        stopping.set()
        server.should_exit = True
        await serving


async def _until_drained(
    container: ServerContainer, dispatching: asyncio.Task[None], serving: asyncio.Task[None]
) -> None:
    """Wait for the first signal, then until what runs is handed back at the end of its step.

    The server answers meanwhile. A second signal, or the end of the grace time, hurries: what still
    runs then goes on from its latest resume point.
    """
    signalled, hurried = asyncio.Event(), asyncio.Event()

    def hear() -> None:
        (hurried if signalled.is_set() else signalled).set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, hear)
    first = asyncio.create_task(signalled.wait())
    second = asyncio.create_task(hurried.wait())
    await asyncio.wait({first, serving}, return_when=asyncio.FIRST_COMPLETED)
    _log.info("draining")
    await container.dispatch().drain()
    await asyncio.wait(
        {dispatching, second, serving},
        timeout=container.settings().server.grace_s,
        return_when=asyncio.FIRST_COMPLETED,
    )
    for task in (first, second):
        task.cancel()


def http_server(
    app: Litestar, *, protocol: type[PatientProtocol] = PatientProtocol
) -> uvicorn.Server:
    """What speaks HTTP for `app`, on sockets that it is given."""
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # Else what a client says of its address would count, where it comes through loopback.
        proxy_headers=False,
        timeout_graceful_shutdown=_CONNECTION_GRACE_S,
    )
    return _Server(config)


class _Server(uvicorn.Server):
    """Leaves the signals to us: uvicorn would raise them again before anything is given back."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def running(container: ServerContainer) -> AsyncIterator[asyncio.Task[None]]:
    """The queue and its workers, from recovery to the last process. Yields the dispatcher's task."""
    followers = container.followers()
    database = container.database()
    await database.open()
    try:
        for follower in followers.values():
            await follower.begin()
        await container.recover().execute()
        await asyncio.to_thread(container.core.checkpoint_store().drop_leftovers)
        container.capacity()  # before any worker takes memory
        renderers = container.renderers()
        if (fork_server := container.fork_server()) is not None:
            await fork_server.start()
        dispatching = _begin(container.dispatch().run(), "dispatcher")
        others = [
            _begin(container.watch().run(), "watch on the machine"),
            _begin(container.tidy().run(), "tidying of the library"),
            *(_begin(follower.run(), name) for name, follower in followers.items()),
        ]
        if (webhooks := container.deliver_webhooks()) is not None:
            others.append(_begin(webhooks.run(), "delivery of webhooks"))
        try:
            yield dispatching
        finally:
            for task in (dispatching, *others):
                task.cancel()
            await asyncio.wait([dispatching, *others])
            await asyncio.to_thread(container.work().close)
            for renderer in renderers:
                await renderer.close()
            if fork_server is not None:
                await fork_server.close()
    finally:
        await database.close()
        await asyncio.to_thread(_send_last_traces, container)


def _send_last_traces(container: ServerContainer) -> None:
    if (exporter := container.span_exporter()) is not None:
        exporter.close()


def _begin(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_tell_why)
    return task


def _tell_why(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        _log.critical("the %s has stopped", task.get_name(), exc_info=error)


def build_app(
    container: ServerContainer, dispatching: asyncio.Task[None], stopping: asyncio.Event
) -> Litestar:
    """The HTTP application over the container's use cases; `stopping` ends its streams."""
    settings = container.settings()

    async def readiness() -> Mapping[str, str | None]:
        return await _readiness(container, dispatching)

    async def metrics() -> tuple[bytes, str]:
        state = await container.service_state().execute()
        # Some milliseconds, in which the event loop answers others.
        text = await asyncio.to_thread(container.exposition().text, state)
        return text, CONTENT_TYPE

    def provide(value: Any) -> Provide:  # Any: Provide takes a callable of whatever it provides
        return Provide(value, sync_to_thread=False)

    return create_app(
        dependencies={
            "submit": for_caller(
                lambda caller: container.submit(
                    caller=caller, uploads=container.uploads(caller=caller)
                )
            ),
            "retry": for_caller(lambda caller: container.retry(caller=caller)),
            "derive": for_caller(lambda caller: _derive(container, caller)),
            "discard": for_caller(
                lambda caller: container.discard(
                    queries=container.queries(caller=caller),
                    cancel=container.cancel(caller=caller),
                    deleting=container.deleting(caller=caller),
                )
            ),
            "cancel": for_caller(lambda caller: container.cancel(caller=caller)),
            "steer": provide(lambda: container.steer()),
            "queries": for_caller(lambda caller: container.queries(caller=caller)),
            "browse": for_caller(lambda caller: container.browse(caller=caller)),
            "judge": for_caller(lambda caller: container.judge(caller=caller)),
            "deleting": for_caller(lambda caller: container.deleting(caller=caller)),
            "excerpts": provide(lambda: container.excerpts()),
            "upload": for_caller(
                lambda caller: container.upload_image(uploads=container.uploads(caller=caller))
            ),
            "upload_video": for_caller(
                lambda caller: container.upload_video(uploads=container.uploads(caller=caller))
            ),
            "estimate": provide(lambda: container.estimate()),
            "checkpoints": provide(lambda: container.core.list_checkpoints()),
            # The first asks for the hub's library: 0.1 s, in which others are answered.
            "work": Provide(lambda: container.work(), sync_to_thread=True),
            "removing": provide(lambda: container.core.remove_checkpoint()),
            "loras": provide(lambda: container.core.loras()),
            "machine": provide(lambda: container.watch()),
            "history": provide(lambda: container.history()),
            "readiness": provide(lambda: readiness),
            "gpu_readiness": provide(lambda: container.service_state().slot_problems),
            "metrics": provide(lambda: metrics),
            "stopping": provide(lambda: stopping),
        },
        doorkeeper=container.doorkeeper(),
        lifespan=(),
        allowed_hosts=[url_host(settings.server.host), *settings.server.allowed_hosts],
        default_model=settings.openai.default_model,
        version=container.core.version(),
        page=BUILT_PAGE,
        on_answer=container.on_answer(),
    )


def _derive(container: ServerContainer, caller: Caller) -> DeriveGeneration:
    uploads = container.uploads(caller=caller)
    return container.derive(
        browse=container.browse(caller=caller),
        upload_image=container.upload_image(uploads=uploads),
        upload_video=container.upload_video(uploads=uploads),
    )


async def _readiness(
    container: ServerContainer, dispatching: asyncio.Task[None]
) -> Mapping[str, str | None]:
    try:
        await container.queue().paused_since()  # which is read, not remembered
        database = None
    except StorageError as error:
        database = error.message
    return {
        "database": database,
        "disk": container.gate().problem(),
        "dispatcher": _dispatcher_problem(container, dispatching),
    }


def _dispatcher_problem(container: ServerContainer, dispatching: asyncio.Task[None]) -> str | None:
    if container.dispatch().is_draining:
        return "the server is stopping"
    return "it has stopped; restart the server" if dispatching.done() else None


def _listen(settings: Settings, keys: KeyStore) -> socket.socket:
    """A socket bound to the address; one that others can reach only where there are API keys.

    Raises:
        SettingsError: it cannot be listened on, or must not be.
    """
    host, port = settings.server.host, settings.server.port
    usable = [key for key in keys.all() if key.revoked_at is None]
    if not settings.is_loopback:
        if not usable:
            raise SettingsError(
                f"{host} can be reached from other machines, and there are no API keys: make one with "
                "`wan keys create NAME`. Or serve on 127.0.0.1, and reach it through an SSH tunnel."
            )
        _log.warning("keys and videos travel unencrypted: put a proxy with TLS in front")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, for asyncio has Nagle's algorithm off on sockets that say they are TCP: else each answer, whose head
    # and body are two packets, waits 40 ms for the client to acknowledge the first.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"Port {port} on {host} cannot be used ({error.strerror}). "
            f"Choose another with --port, such as {port + 1}."
        ) from error
    return listener
