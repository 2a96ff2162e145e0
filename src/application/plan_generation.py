"""Turn a draft into a request with a plan: what it will need, and where its parts will lie."""

import asyncio
from collections.abc import Callable

from application.complete_draft import Completed, CompleteDraft
from application.known_overflows import KnownOverflows
from domain.generation import GenerationDraft, GenerationRequest
from domain.hardware import Capacity
from domain.memory_plan import MemoryPlan, plan_memory
from domain.ports.run_history import RunHistory
from domain.run_record import run_kind


class PlanGeneration:
    """Completes the draft, then plans it into the memory there is, by what earlier runs took."""

    def __init__(
        self,
        complete: CompleteDraft,
        history: RunHistory,
        capacity: Callable[[], Capacity],
        overflows: KnownOverflows,
    ) -> None:
        self._complete = complete
        self._history = history
        self._capacity = capacity
        self._overflows = overflows

    async def execute(self, draft: GenerationDraft) -> tuple[GenerationRequest, MemoryPlan]:
        """The complete request, and its plan.

        Raises:
            InvalidRequest, CheckpointUnavailable: it cannot be done.
            DoesNotFit: not with the memory of this machine.
            StorageError: what earlier runs took cannot be read.
        """

        def complete() -> tuple[Completed, Capacity]:
            return self._complete.execute(draft), self._capacity()

        asked, capacity = await asyncio.to_thread(complete)
        request, checkpoint = asked.request, asked.checkpoint
        kind = run_kind(request)
        history, overflows = await self._history.of_kind(kind), self._overflows.of_kind(kind)
        # In a thread: what would fit instead takes half a second to find.
        plan = await asyncio.to_thread(
            plan_memory,
            request,
            checkpoint.spec,
            checkpoint,
            capacity,
            history,
            asked.loras,
            overflows,
        )
        return request, plan
