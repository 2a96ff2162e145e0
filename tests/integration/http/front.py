"""One HTTP application for all tests: putting it together takes longer than most of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from litestar.di import Provide

from adapters.http.access import for_caller
from adapters.http.app import create_app
from adapters.http.doorkeeper import Doorkeeper
from adapters.http.request_log import Answered
from adapters.prometheus.exposition import Exposition
from tests.integration.http.callers_own import NAMES, CallersOwn

#: The dependencies of routes that are the same for every caller.
USES = (
    "steer",
    "excerpts",
    "estimate",
    "checkpoints",
    "work",
    "removing",
    "loras",
    "machine",
    "history",
    "readiness",
    "gpu_readiness",
    "metrics",
    "stopping",
)


class Front:
    """The application, and what the test that runs now has put behind it."""

    uses: Mapping[str, object]
    own: CallersOwn
    doorkeeper: Doorkeeper
    exposition: Exposition

    def __init__(self, page: Path) -> None:
        self.app = create_app(
            dependencies={name: self._use(name) for name in USES}
            | {name: self._own(name) for name in NAMES},
            doorkeeper=_OnDuty(self),
            lifespan=[],
            allowed_hosts=["studio.example", "studio.example:8443", "proxied.example:443"],
            default_model="mini",
            version="1.2.3",
            page=page,
            on_answer=self._answered,
        )

    def _use(self, name: str) -> Provide:
        return Provide(lambda: self.uses[name], sync_to_thread=False)

    def _own(self, name: str) -> Provide:
        return for_caller(lambda caller: getattr(self.own, name)(caller))

    def _answered(self, told: Answered) -> None:
        self.exposition.answered(
            told.method, told.route, told.status, took_s=told.took_s, reason=told.reason
        )


class _OnDuty(Doorkeeper):
    """The doorkeeper of the test that runs now."""

    def __init__(self, front: Front) -> None:
        self._front = front

    def __getattribute__(self, name: str) -> Any:
        front: Front = object.__getattribute__(self, "_front")
        return getattr(front.doorkeeper, name)
