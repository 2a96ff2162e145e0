"""The contract of `JobMetrics`, on every adapter."""

from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from adapters.prometheus.job_metrics import PrometheusJobMetrics
from domain.job_event import JobStatus
from domain.ports.job_metrics import JobMetrics
from domain.progress import Stage
from tests.fakes.job_metrics import FakeJobMetrics


@pytest.fixture(params=["prometheus", "memory"])
def metrics(request: pytest.FixtureRequest) -> JobMetrics:
    return (
        PrometheusJobMetrics(CollectorRegistry())
        if request.param == "prometheus"
        else FakeJobMetrics()
    )


@pytest.mark.parametrize(
    "tell",
    [
        lambda m: m.submitted("mini"),
        lambda m: m.began("mini", waited_s=0.0),
        lambda m: m.stage_ended("mini", Stage.DENOISING, took_s=9e9),
        lambda m: m.step_ended("", took_s=0.0),
        lambda m: m.resumed(is_rejected=False),
        lambda m: m.requeued('a\nstrange "code"', lost_s=0.0),
        lambda m: m.finished("mini", JobStatus.CANCELLED, code="", took_s=None),
    ],
)
def test_whatever_is_told_is_counted_as_often_as_it_is_told(
    metrics: JobMetrics, tell: Callable[[JobMetrics], None]
) -> None:
    tell(metrics)
    tell(metrics)


def test_what_prometheus_reads_is_what_happened() -> None:
    registry = CollectorRegistry()
    metrics = PrometheusJobMetrics(registry)

    metrics.finished("mini", JobStatus.FAILED, code="quarantined", took_s=4000.0)
    metrics.requeued("worker-crashed", lost_s=12.5)
    metrics.stage_ended("mini", "decoding", took_s=0.5)

    text = generate_latest(registry).decode()
    assert 'wan_jobs_finished_total{model="mini",outcome="failed",reason="quarantined"} 1.0' in text
    assert "wan_jobs_quarantined_total 1.0" in text
    assert 'wan_gpu_seconds_wasted_total{reason="worker-crashed"} 12.5' in text
    assert (
        'wan_job_duration_seconds_bucket{le="3600.0",model="mini",outcome="failed"} 0.0' in text
    ), "the buckets end there"
    assert 'wan_stage_duration_seconds_sum{model="mini",stage="decoding"} 0.5' in text
