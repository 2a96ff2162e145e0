"""What Prometheus scrapes."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import SkipValidation

from adapters.http.problems import refusals
from domain.access import Scope

#: The text of everything that is counted, and its media type.
Metrics: TypeAlias = Callable[[], Awaitable[tuple[bytes, str]]]


@get(
    "/metrics",
    scope=Scope.READ,
    tags=["Operations"],
    media_type="text/plain",
    responses={
        200: ResponseSpec(
            str, generate_examples=False, media_type="text/plain", description="Prometheus' text."
        ),
        **refusals(503),
    },
)
async def tell_metrics(metrics: SkipValidation[NamedDependency[Metrics]]) -> Response[bytes]:
    """Counters since the start, and the state as it is now, for Prometheus.

    No ids, prompts or keys are in it.
    """
    text, media_type = await metrics()
    return Response(text, media_type=media_type)
