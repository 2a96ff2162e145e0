"""What a job is to try next, whose attempt found the accelerator's memory full."""

import asyncio
from collections.abc import Callable, Sequence

from application.known_overflows import KnownOverflows
from domain.demand import demand
from domain.errors import DoesNotFit, OutOfAcceleratorMemory
from domain.hardware import Capacity
from domain.job import Job
from domain.local_checkpoint import LocalCheckpoint, structure_of
from domain.lora import Lora
from domain.memory_ladder import WHOLE, Relief, relief_by_plan, relief_by_rung, rung_of
from domain.memory_plan import plan_tighter, work_of
from domain.overflow import Overflow, overflow_of
from domain.ports.checkpoint_catalog import CheckpointCatalog
from domain.ports.lora_catalog import LoraCatalog
from domain.ports.run_history import RunHistory
from domain.progress import Stage
from domain.run_record import run_kind


class RelieveMemory:
    """Climbs `domain.memory_ladder`, and remembers what found no room."""

    def __init__(
        self,
        catalog: CheckpointCatalog,
        history: RunHistory,
        capacity: Callable[[], Capacity],
        overflows: KnownOverflows,
        loras: LoraCatalog,
    ) -> None:
        self._catalog = catalog
        self._history = history
        self._capacity = capacity
        self._overflows = overflows
        self._loras = loras

    async def execute(self, job: Job) -> Relief:
        """The relief. `job`: as the attempt left it.

        Raises:
            OutOfAcceleratorMemory: there is none; it says what would fit.
            CheckpointUnavailable, StorageError: what it needs cannot be read now.
            UnknownLora, LoraUnusable: nor can a LoRA of it.
        """
        assert job.stage is not None, "it ran"
        kind, stage, rung = run_kind(job.request), job.stage, job.toll.oom_level
        checkpoint, loras, capacity = await asyncio.to_thread(self._look, job)
        by_rung = relief_by_rung(stage, rung, job.plan)
        overflow = _overflow(job, stage, checkpoint, loras, capacity)
        known = self._overflows.of_kind(kind)
        # Of decoding in tiles, nothing is learnt: there is no plan that would decode in less.
        if overflow and (by_rung is None or rung_of(job.plan, rung) == WHOLE):
            self._overflows.note(kind, overflow)
        if by_rung is not None:
            return by_rung
        if overflow is None:
            raise OutOfAcceleratorMemory
        history = await self._history.of_kind(kind)
        try:
            plan = await asyncio.to_thread(
                plan_tighter,
                job.plan,
                job.request,
                checkpoint.spec,
                checkpoint,
                capacity,
                history=history,
                loras=loras,
                overflows=(*known, overflow),
            )
        except DoesNotFit as refusal:
            self._overflows.forget(kind)  # they leave nothing: no plan could heed them
            raise OutOfAcceleratorMemory(
                f"The accelerator ran out of memory during {stage}, placed as tightly as can be. "
                f"{refusal.message}",
                refusal.violations,
            ) from refusal
        return relief_by_plan(stage, rung, job.plan, plan)

    def _look(self, job: Job) -> tuple[LocalCheckpoint, Sequence[Lora], Capacity]:
        """What it was made with, and the memory there is. Blocks for some headers."""
        loras = [self._loras.find(use.name) for use in job.request.loras]
        return self._catalog.find(job.request.checkpoint), loras, self._capacity()


def _overflow(
    job: Job,
    stage: Stage,
    checkpoint: LocalCheckpoint,
    loras: Sequence[Lora],
    capacity: Capacity,
) -> Overflow | None:
    """What can be learnt of it; None where nothing was planned on an accelerator."""
    placement = job.plan.placement
    structure = structure_of(checkpoint.spec, checkpoint)
    if placement is None or structure is None or capacity.accelerator_bytes is None:
        return None
    needs = demand(work_of(job.request, checkpoint.spec, structure, checkpoint, loras), placement)
    available_bytes = capacity.accelerator_bytes
    return overflow_of(stage, needs, available_bytes=available_bytes) if needs.phases else None
