"""Traces of a whole server, as a collector on loopback gets them; and a server that cannot send any."""

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bootstrap import doctor
from bootstrap.core_container import CoreContainer
from bootstrap.server_container import ServerContainer
from bootstrap.setting_sources import SettingsError
from bootstrap.settings import Settings, load_settings
from tests.integration.live_server import serving

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
AGAIN = "5cf92f3577b34da6a3ce929d0e0e4736"


class Collector:
    """Takes what is sent to `/v1/traces`."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/v1/traces":
                    sent = ExportTraceServiceRequest.FromString(body)
                    for of_resource in sent.resource_spans:
                        for of_scope in of_resource.scope_spans:
                            collector.spans += of_scope.spans
                self.send_response(200 if self.path == "/v1/traces" else 404)
                self.end_headers()

            def log_message(self, *_told: object) -> None:
                """Nothing to say."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def named(self, name: str) -> Span:
        [span] = [span for span in self.spans if span.name == name]
        return span


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


def test_a_collector_gets_requests_and_generations_in_the_callers_trace(
    collector: Collector, tmp_path: Path
) -> None:
    asked = {"prompt": "a red circle", "width": 32, "height": 32, "num_frames": 5, "steps": 2}
    with serving(tmp_path / "data", telemetry__endpoint=collector.url) as url:
        traced = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
        told = httpx.post(f"{url}/api/v1/generations", json=asked, headers=traced).json()
        httpx.get(url + told["links"]["events"], timeout=60)
        httpx.get(f"{url}/livez")
    # What waits to be sent is sent as the server ends.

    request, generation = collector.named("POST /api/v1/generations"), collector.named("generation")
    for span in (request, generation):
        assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, CALLER)
    [attempt] = [span for span in collector.spans if span.parent_span_id == generation.span_id
                 and span.name == "attempt"]  # fmt: skip
    stages = {span.name for span in collector.spans if span.parent_span_id == attempt.span_id}
    assert {"loading", "denoising", "decoding", "publishing"} <= stages
    assert "GET /livez" not in {span.name for span in collector.spans}
    assert b"a red circle" not in b"".join(span.SerializeToString() for span in collector.spans)


def test_a_retry_belongs_to_the_trace_of_whoever_retries(
    collector: Collector, tmp_path: Path
) -> None:
    asked = {"prompt": "a red circle", "width": 32, "height": 32, "num_frames": 5, "steps": 2}
    with serving(tmp_path / "data", telemetry__endpoint=collector.url) as url:
        httpx.post(f"{url}/api/v1/queue/pause")
        first = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
        told = httpx.post(f"{url}/api/v1/generations", json=asked, headers=first).json()
        where = url + told["links"]["self"]
        httpx.post(f"{where}/cancel").raise_for_status()
        again = {"traceparent": f"00-{AGAIN}-{CALLER}-01"}
        httpx.post(f"{where}/retry", headers=again).raise_for_status()
        httpx.post(f"{url}/api/v1/queue/resume")
        [retried, _] = httpx.get(f"{url}/api/v1/generations").json()["data"]
        httpx.get(url + retried["links"]["events"], timeout=60)

    traces = {span.trace_id.hex() for span in collector.spans if span.name == "generation"}
    assert traces == {TRACE, AGAIN}


def test_a_collector_that_is_not_there_keeps_nobody_waiting(tmp_path: Path) -> None:
    with serving(tmp_path / "data", telemetry__endpoint="http://127.0.0.1:9") as url:
        assert httpx.get(f"{url}/readyz").status_code == 200


@pytest.fixture
def traced(tmp_path: Path) -> Settings:
    overrides = {"data_dir": str(tmp_path / "data"), "telemetry.endpoint": "http://127.0.0.1:4318"}
    return load_settings(overrides=overrides, environment={})


def test_what_a_platform_sets_for_whatever_it_runs_sends_nothing(tmp_path: Path) -> None:
    variable = {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"}
    settings = load_settings(overrides={"data_dir": str(tmp_path)}, environment=variable)

    assert ServerContainer(core=CoreContainer(settings=settings)).span_exporter() is None


def test_without_opentelemetry_the_server_says_how_to_get_it(
    traced: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "adapters.opentelemetry.span_exporter", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)

    with pytest.raises(SettingsError, match=r"wan-studio\[otel\]"):
        ServerContainer(core=CoreContainer(settings=traced)).span_exporter()


def test_the_doctor_says_so_too(traced: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    [here] = [check for check in doctor.examine(traced, dict) if check.name == "telemetry"]
    monkeypatch.setattr(doctor, "_TELEMETRY", ("no-such-distribution",))
    [missing] = [check for check in doctor.examine(traced, dict) if check.name == "telemetry"]

    assert here.problem is None
    assert "4318" in here.detail
    assert "wan-studio[otel]" in (missing.problem or "")


def test_an_endpoint_that_is_no_url_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"telemetry\.endpoint is 'collector'"):
        load_settings(overrides={"telemetry.endpoint": "collector"}, environment={})


def test_without_an_endpoint_nothing_is_loaded(tmp_path: Path) -> None:
    settings = load_settings(overrides={"data_dir": str(tmp_path)}, environment={})

    assert ServerContainer(core=CoreContainer(settings=settings)).span_exporter() is None
