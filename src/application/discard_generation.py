"""Delete a generation, wherever it is: what is not over yet is cancelled first."""

import asyncio
from contextlib import suppress
from typing import Final

from application.cancel_generation import CancelGeneration
from application.delete_generation import DeleteGeneration
from application.queries import Queries
from domain.errors import NotCancellable
from domain.library_errors import NotDeletable

#: Seconds; a run that is cancelled ends within five.
PATIENCE_S: Final = 20.0


class DiscardGeneration:
    """Cancels, waits for the end, deletes."""

    def __init__(
        self,
        queries: Queries,
        cancel: CancelGeneration,
        deleting: DeleteGeneration,
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._queries = queries
        self._cancel = cancel
        self._deleting = deleting
        self._patience_s = patience_s

    async def execute(self, job_id: str) -> None:
        """Nobody finds it in a list any more, and its video goes the way of all that are deleted.

        Raises:
            UnknownJob: there is none with that id.
            NotDeletable: it does not end; asked again, it may be over.
        """
        job = await self._queries.job(job_id)
        if not job.status.is_terminal:
            with suppress(NotCancellable):  # it is being published, or over by now
                await self._cancel.execute(job_id)
            await self._end_of(job_id)
        await self._deleting.generation(job_id)

    async def _end_of(self, job_id: str) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                async for _ in self._queries.follow(job_id):
                    pass
        except TimeoutError as error:
            raise NotDeletable("The generation is still being stopped: ask again.") from error
