"""One line for each request, when it is over; and the trace that it says it belongs to."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from domain.job_trace import Span
from domain.trace import read_traceparent, trace_id

_log = logging.getLogger(__name__)

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: Asked every few seconds by those who watch: told at DEBUG only, while all is well.
_PROBES: Final = frozenset({"/livez", "/startupz", "/readyz", "/readyz/gpu", "/metrics"})
#: In place of what there is none of.
NONE: Final = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """How a request ended, in words of which there are few.

    Attributes:
        method: one that HTTP knows, or `other`.
        route: as it is declared, so that nobody's ids are in it; `none` where there is no such route.
        status: `none` where the client went away before there was one.
        reason: the problem's code, where it was refused.
        traceparent: of the trace that it says it belongs to, if any.
    """

    method: str
    route: str
    status: str
    took_s: float
    reason: str | None
    traceparent: str | None

    @property
    def is_dull(self) -> bool:
        """Whether somebody who watches looked, and found all well."""
        return self.route in _PROBES and self.status.startswith("2")


def request_span(answered: Answered, *, at: datetime) -> Span:
    """The request as a trace shows it; it was over at `at`."""
    is_fault = answered.status.startswith("5")
    attributes: dict[str, str | int | float] = {
        "http.request.method": answered.method,
        "http.route": answered.route,
    }
    if answered.status != NONE:
        attributes["http.response.status_code"] = int(answered.status)
    if answered.reason is not None:
        attributes["wan.refused"] = answered.reason
    return Span(
        name=f"{answered.method} {answered.route}",
        began_at=at - timedelta(seconds=answered.took_s),
        ended_at=at,
        attributes=attributes,
        problem=(answered.reason or answered.status) if is_fault else None,
        is_request=True,
    )


OnAnswer: TypeAlias = Callable[[Answered], None]


class LogRequests:
    """ASGI middleware around everything that answers; what it is told later, it reads from the scope."""

    def __init__(self, app: ASGIApp, on_answer: OnAnswer) -> None:
        self._app = app
        self._on_answer = on_answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        header = Headers.from_scope(scope).get("traceparent", "")
        scope["state"]["traceparent"] = read_traceparent(header)
        status = NONE
        began = time.perf_counter()

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            self._tell(scope, status, time.perf_counter() - began)

    def _tell(self, scope: Scope, status: str, took_s: float) -> None:
        state = scope["state"]
        answered = Answered(
            method=method if (method := str(scope.get("method"))) in _METHODS else "other",
            route=scope.get("path_template") or NONE,
            status=status,
            took_s=took_s,
            reason=state.get("refused"),
            traceparent=state["traceparent"],
        )
        self._on_answer(answered)
        caller = state.get("caller")
        fields = {
            "request_id": state["request_id"],
            "method": answered.method,
            "route": answered.route,
            "status": status,
            "duration_ms": round(took_s * 1000, 1),
            "client": caller.client if caller else None,
            "reason": answered.reason,
            "trace_id": trace_id(answered.traceparent),
        }
        told = {name: value for name, value in fields.items() if value is not None}
        _log.log(logging.DEBUG if answered.is_dull else logging.INFO, "answered", extra=told)
