"""The present state as gauges: made anew for each scrape, so that nothing stale is told."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from domain.service_state import ServiceState


class ServiceGauges(Collector):
    """One state, told."""

    def __init__(self, state: ServiceState, version: str) -> None:
        self._state = state
        self._version = version

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("wan_build_info", "Always 1.", labels=["version"])
        build.add_metric([self._version], 1)
        yield build
        yield from self._queue()
        yield from self._slots()
        yield from self._machine()

    def _queue(self) -> Iterator[Metric]:
        state = self._state
        depth = GaugeMetricFamily("wan_queue_depth", "Generations not over yet.", labels=["state"])
        depth.add_metric(["queued"], state.waiting)
        depth.add_metric(["running"], sum(slot.silence_s is not None for slot in state.slots))
        yield depth
        yield GaugeMetricFamily(
            "wan_queue_oldest_age_seconds",
            "Since the oldest of those that wait was asked for; 0 where none does.",
            value=state.oldest_waiting_s or 0.0,
        )
        paused = GaugeMetricFamily(
            "wan_admission_paused", "1 where nothing is started, and for what.", labels=["reason"]
        )
        for reason, holds in state.holds.items():
            paused.add_metric([reason], int(holds))
        yield paused
        yield GaugeMetricFamily(
            "wan_webhooks_waiting",
            "Messages still to be delivered.",
            value=state.webhooks_waiting,
        )

    def _slots(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("wan_worker_up", "1 where jobs are started.", labels=["slot"])
        silence = GaugeMetricFamily(
            "wan_worker_last_progress_age_seconds",
            "Since the slot's job last reported anything; 0 where it has none.",
            labels=["slot"],
        )
        fenced = CounterMetricFamily(
            "wan_fenced_writes",
            "Reports refused, as a newer attempt owned the job.",
            labels=["slot"],
        )
        for slot in self._state.slots:
            number = [str(slot.number)]
            up.add_metric(number, int(slot.is_up))
            silence.add_metric(number, slot.silence_s or 0.0)
            fenced.add_metric(number, slot.fenced_out)
        yield from (up, silence, fenced)

    def _machine(self) -> Iterator[Metric]:
        state = self._state
        memory = GaugeMetricFamily(
            "wan_gpu_memory_bytes", "Memory of an accelerator.", labels=["gpu", "kind"]
        )
        for one in state.accelerators:
            memory.add_metric([str(one.index), "used"], one.used_bytes)
            memory.add_metric([str(one.index), "total"], one.total_bytes)
        yield memory
        disk = GaugeMetricFamily("wan_disk_free_bytes", "On the data directory's disk.", labels=[])
        if state.free_disk_bytes is not None:
            disk.add_metric([], state.free_disk_bytes)
        yield disk
        yield GaugeMetricFamily(
            "wan_db_wal_bytes", "The database's write-ahead log.", value=state.journal_bytes
        )
