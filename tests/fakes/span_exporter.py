"""Traces that are kept in a list."""

from domain.job_trace import Span
from domain.ports import span_exporter


class FakeSpanExporter(span_exporter.SpanExporter):
    """`exported`: each span with the traceparent that it was exported under."""

    def __init__(self) -> None:
        self.exported: list[tuple[Span, str | None]] = []
        self._is_closed = False

    def export(self, span: Span, *, under: str | None) -> None:
        is_recorded = under is None or under.endswith("1")
        if is_recorded and not self._is_closed:
            self.exported.append((span, under))

    def close(self) -> None:
        self._is_closed = True
