"""The contract of `SpanExporter`, on every adapter."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from adapters.opentelemetry.span_exporter import OtelSpanExporter
from domain.job_trace import Span
from domain.ports.span_exporter import SpanExporter
from tests.fakes.examples import NOON
from tests.fakes.span_exporter import FakeSpanExporter

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SPAN = Span(
    name="generation",
    began_at=NOON,
    ended_at=NOON + timedelta(seconds=3, microseconds=1),
    attributes={"wan.steps": 12},
    parts=[Span(name="queued", began_at=NOON, ended_at=NOON + timedelta(seconds=1))],
)


@dataclass
class Exporting:
    """An exporter, and how to know the names of what arrived."""

    exporter: SpanExporter
    arrived: Callable[[], set[str]]


@pytest.fixture
def memory() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture(params=["opentelemetry", "fake"])
def exporting(request: pytest.FixtureRequest, memory: InMemorySpanExporter) -> Exporting:
    if request.param == "fake":
        fake = FakeSpanExporter()
        return Exporting(
            fake, lambda: {name for span, _ in fake.exported for name in every_name(span)}
        )
    exporter = OtelSpanExporter(SimpleSpanProcessor(memory), "1.2.3")
    return Exporting(exporter, lambda: {span.name for span in memory.get_finished_spans()})


def every_name(span: Span) -> set[str]:
    return {span.name}.union(*map(every_name, span.parts))


@pytest.mark.parametrize("under", [None, f"00-{TRACE}-{CALLER}-01"])
def test_a_span_arrives_with_its_parts(exporting: Exporting, under: str | None) -> None:
    exporting.exporter.export(SPAN, under=under)

    assert exporting.arrived() == {"generation", "queued"}


def test_what_the_caller_does_not_record_is_not_sent(exporting: Exporting) -> None:
    exporting.exporter.export(SPAN, under=f"00-{TRACE}-{CALLER}-00")

    assert exporting.arrived() == set()


def test_closing_again_does_nothing_and_nothing_is_sent_after(exporting: Exporting) -> None:
    exporting.exporter.close()
    exporting.exporter.close()

    exporting.exporter.export(SPAN, under=None)

    assert exporting.arrived() == set()


def test_opentelemetry_is_told_all_of_it(memory: InMemorySpanExporter) -> None:
    exporter = OtelSpanExporter(SimpleSpanProcessor(memory), "1.2.3")
    failed = Span(name="GET /x", began_at=NOON, ended_at=NOON, problem="disk-full", is_request=True)

    exporter.export(SPAN, under=f"00-{TRACE}-{CALLER}-01")
    exporter.export(failed, under=None)

    spans = {span.name: span for span in memory.get_finished_spans()}
    generation, queued, request = (spans[name] for name in ("generation", "queued", "GET /x"))
    assert (parent(generation), parent(queued)) == (CALLER, ids(generation)[1])
    assert ids(generation)[0] == ids(queued)[0] == TRACE != ids(request)[0]
    assert generation.end_time is not None
    assert generation.start_time is not None
    assert generation.end_time - generation.start_time == 3_000_001_000
    assert (generation.attributes or {})["wan.steps"] == 12
    assert generation.resource.attributes["service.name"] == "wan-studio"
    assert (generation.kind, request.kind) == (SpanKind.INTERNAL, SpanKind.SERVER)
    assert generation.status.status_code is StatusCode.UNSET
    assert request.status.status_code is StatusCode.ERROR
    assert (request.attributes or {})["error.type"] == "disk-full"


def ids(span: ReadableSpan) -> tuple[str, str]:
    assert span.context is not None
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"


def parent(span: ReadableSpan) -> str:
    assert span.parent is not None
    return f"{span.parent.span_id:016x}"
