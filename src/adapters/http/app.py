"""The HTTP application, put together from its routes; who does the work is told from outside."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeAlias

from litestar import Litestar
from litestar.di import Provide
from litestar.enums import HttpMethod
from litestar.middleware import DefineMiddleware
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.routes import HTTPRoute

from adapters.http.access import Admission, current_caller, refuse_undeclared
from adapters.http.bodies import MAX_BODY_BYTES, JsonRequest
from adapters.http.doorkeeper import Doorkeeper
from adapters.http.events import follow_generations
from adapters.http.exchanges import MarkExchanges
from adapters.http.generations import generations_router
from adapters.http.health import livez, readyz, readyz_gpu, startupz
from adapters.http.hosts import HostGuard
from adapters.http.limits import LimitRequests
from adapters.http.loras import get_lora, list_loras
from adapters.http.metrics import tell_metrics
from adapters.http.models import models_router
from adapters.http.openai.models import openai_models_router
from adapters.http.openai.videos import videos_router
from adapters.http.openapi_document import openapi_config, summarise_operations
from adapters.http.openapi_schemas import DescribedDataclasses, DescribedStructs
from adapters.http.outputs import outputs_router
from adapters.http.page import page_router
from adapters.http.parameters import RefuseUnknownParameters
from adapters.http.plans import plan_generation
from adapters.http.presets import list_presets
from adapters.http.queue import queue_router
from adapters.http.refusing import to_answer
from adapters.http.request_log import LogRequests, OnAnswer
from adapters.http.runs import list_runs
from adapters.http.system import system_router
from adapters.http.uploads import upload_file

Lifespan: TypeAlias = Callable[[Litestar], AbstractAsyncContextManager[None]]


class WanStudio(Litestar):
    """Litestar with msgspec alone."""

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        # Litestar would load Pydantic wherever it is installed: 0.13 s and 10 MB for nothing.
        return [*plugins, MsgspecDIPlugin()]


def create_app(
    *,
    dependencies: Mapping[str, Provide],
    lifespan: Sequence[Lifespan],
    doorkeeper: Doorkeeper,
    allowed_hosts: Collection[str],
    default_model: str,
    version: str,
    page: Path,
    on_answer: OnAnswer = lambda _answered: None,
) -> Litestar:
    """The application, not yet started.

    Args:
        dependencies: `submit` (SubmitGeneration), `cancel` (CancelGeneration), `retry` (RetryGeneration),
            `derive` (DeriveGeneration), `discard` (DiscardGeneration),
            `steer` (SteerQueue), `queries` (Queries), `browse` (BrowseLibrary), `judge` (JudgeOutput),
            `deleting` (DeleteGeneration), `excerpts` (TakeExcerpts),
            `estimate` (EstimateGeneration), `upload` (UploadImage), `upload_video` (UploadVideo),
            `checkpoints` (ListCheckpoints), `work` (WorkOnCheckpoints), `removing` (RemoveCheckpoint), `loras` (LoraCatalog), `machine` (WatchMachine),
            `history` (RunHistory), `readiness` (Readiness), `gpu_readiness` (GpuReadiness), `metrics` (Metrics),
            `stopping` (asyncio.Event: set when streams must end).
        doorkeeper: lets in whoever may come in.
        lifespan: entered in order before the first request is answered, left in reverse.
        allowed_hosts: Host values answered besides the loopback names; one without a port has any.
        default_model: the checkpoint that `/v1` means where no other is named.
        version: Wan Studio's own.
        page: the folder with the built page.
        on_answer: told of each request once it is over.
    """
    app = WanStudio(
        route_handlers=[
            generations_router(),
            queue_router(),
            outputs_router(),
            follow_generations,
            upload_file,
            plan_generation,
            models_router(),
            list_loras,
            get_lora,
            list_presets,
            system_router(),
            list_runs,
            videos_router(),
            openai_models_router(),
            livez,
            startupz,
            readyz,
            readyz_gpu,
            tell_metrics,
            page_router(page),
        ],
        dependencies={
            **dependencies,
            "caller": Provide(current_caller, sync_to_thread=False),
            "default_model": Provide(lambda: default_model, sync_to_thread=False),
            "version": Provide(lambda: version, sync_to_thread=False),
        },
        lifespan=lifespan,
        request_class=JsonRequest,
        request_max_body_size=MAX_BODY_BYTES,
        middleware=[DefineMiddleware(Admission, doorkeeper=doorkeeper), RefuseUnknownParameters],
        exception_handlers={Exception: to_answer},
        plugins=[DescribedStructs(), DescribedDataclasses()],
        openapi_config=openapi_config(version),
        logging_config=None,
        debug=False,
        pdb_on_exception=False,
    )
    refuse_undeclared(app)
    _tell_every_method(app)
    summarise_operations(app)
    # Litestar's own middleware comes after routing, too late for a path that does not exist.
    guarded = LimitRequests(HostGuard(app.asgi_handler, allowed_hosts))
    app.asgi_handler = MarkExchanges(LogRequests(guarded, on_answer))
    return app


def _tell_every_method(app: Litestar) -> None:
    """Let OPTIONS name each method of its route: Litestar's own names those of the first handler alone."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            handler, _ = route.route_handler_map[HttpMethod.OPTIONS]
            handler(route.create_options_handler(route.path).fn)
