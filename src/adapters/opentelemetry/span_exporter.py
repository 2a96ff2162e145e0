"""Spans as OpenTelemetry's SDK sends them. Its own variables (`OTEL_…`) hold, but for the endpoint."""

from datetime import datetime
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from domain.job_trace import Span
from domain.ports import span_exporter

_SERVICE: Final = "wan-studio"
#: Seconds that a collector has to take what it is sent, and so the end of the server to wait for it.
_TIMEOUT_S: Final = 5.0


class OtelSpanExporter(span_exporter.SpanExporter):
    """Gives what is over to `processor`, which delivers it in a thread of its own."""

    def __init__(self, processor: SpanProcessor, version: str) -> None:
        resource = Resource.create({"service.name": _SERVICE, "service.version": version})
        # Left to itself, it would deliver what waits at the end of the process, whenever that is.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer: Tracer = self._provider.get_tracer(_SERVICE, version)
        self._propagator = TraceContextTextMapPropagator()

    @classmethod
    def over_http(cls, endpoint: str, version: str) -> "OtelSpanExporter":
        """To the collector at `endpoint`, such as `http://127.0.0.1:4318`, by OTLP over HTTP."""
        url = f"{endpoint.rstrip('/')}/v1/traces"
        return cls(BatchSpanProcessor(OTLPSpanExporter(endpoint=url, timeout=_TIMEOUT_S)), version)

    def export(self, span: Span, *, under: str | None) -> None:
        carrier = {"traceparent": under} if under else {}
        self._export(span, self._propagator.extract(carrier, context=Context()))

    def close(self) -> None:
        self._provider.shutdown()

    def _export(self, span: Span, context: Context) -> None:
        made = self._tracer.start_span(
            span.name,
            context=context,
            kind=SpanKind.SERVER if span.is_request else SpanKind.INTERNAL,
            attributes=dict(span.attributes),
            start_time=_nanoseconds(span.began_at),
        )
        if span.problem is not None:
            made.set_attribute("error.type", span.problem)
            made.set_status(Status(StatusCode.ERROR))
        within = set_span_in_context(made, context)
        for part in span.parts:
            self._export(part, within)
        made.end(end_time=_nanoseconds(span.ended_at))


def _nanoseconds(at: datetime) -> int:
    """Since 1970, as exactly as a datetime is."""
    return int(at.timestamp()) * 10**9 + at.microsecond * 1000
