"""How the service is doing, asked of whoever knows it: the database, the slots, the machine."""

from application.disk_gate import DiskGate
from application.dispatch_jobs import DispatchJobs
from application.measure_jobs import MeasureJobs
from application.run_generation import RunGeneration
from application.watch_machine import WatchMachine
from domain.ports.clock import Clock
from domain.ports.job_queue import JobQueue
from domain.ports.queue_gauge import QueueGauge
from domain.ports.webhook_outbox import WebhookOutbox
from domain.service_state import AcceleratorMemory, ServiceState, SlotCondition


class TellServiceState:
    """Asks anew each time; remembers nothing."""

    def __init__(
        self,
        queue: JobQueue,
        gauge: QueueGauge,
        outbox: WebhookOutbox,
        dispatch: DispatchJobs,
        gate: DiskGate,
        machine: WatchMachine,
        jobs: MeasureJobs,
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._gauge = gauge
        self._outbox = outbox
        self._dispatch = dispatch
        self._gate = gate
        self._machine = machine
        self._jobs = jobs
        self._clock = clock

    async def execute(self) -> ServiceState:
        """The present state.

        Raises:
            StorageError: the database cannot be read.
        """
        reading = await self._gauge.read()
        oldest_at = reading.oldest_waiting_at
        sample = self._machine.latest
        hardware = sample.hardware
        return ServiceState(
            waiting=await self._queue.length(),
            oldest_waiting_s=(
                max((self._clock.now() - oldest_at).total_seconds(), 0.0) if oldest_at else None
            ),
            slots=[self._condition(lane) for lane in self._dispatch.lanes],
            holds={
                "paused": await self._queue.paused_since() is not None,
                "disk": self._gate.problem() is not None,
                "draining": self._dispatch.is_draining,
            },
            free_disk_bytes=sample.free_disk_bytes,
            accelerators=[
                AcceleratorMemory(
                    index=one.index, used_bytes=one.used_bytes, total_bytes=one.total_bytes
                )
                for one in (hardware.accelerators if hardware else ())
            ],
            journal_bytes=reading.journal_bytes,
            webhooks_waiting=await self._outbox.length(),
        )

    def slot_problems(self) -> dict[str, str | None]:
        """By its name, why nothing is started in a slot; None where something is."""
        return {f"slot {lane.slot.number}": lane.slot.problem for lane in self._dispatch.lanes}

    def _condition(self, lane: RunGeneration) -> SlotCondition:
        running = lane.running
        return SlotCondition(
            number=lane.slot.number,
            is_up=lane.slot.problem is None,
            silence_s=self._jobs.silence_s(running.id) if running else None,
            fenced_out=lane.fenced_out,
        )
