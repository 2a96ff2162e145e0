"""Find generations and their videos again: plain reads."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from application.own_library import OwnLibrary
from domain.access import LOCAL, Caller
from domain.errors import OutputMissing, UnknownJob
from domain.job import Job
from domain.job_event import JobStatus
from domain.library import Facets, Filters, LibraryEntry, Order, OutputState
from domain.ports.artifact_store import ArtifactStore
from domain.ports.library import Library


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where a generation came from, and what came of it.

    Attributes:
        descendants: made from it or asked for again, oldest first.
    """

    retry_of: str | None
    made_from: str | None
    descendants: Sequence[Job]


class BrowseLibrary:
    """What one caller asks of its finished videos, and of generations by what was asked."""

    def __init__(self, library: Library, store: ArtifactStore, *, caller: Caller = LOCAL) -> None:
        self._library = OwnLibrary(library, caller)
        self._store = store

    async def generations(
        self,
        filters: Filters,
        *,
        statuses: Sequence[JobStatus] = (),
        order: Order = Order.NEWEST,
        after: str | None = None,
        limit: int,
    ) -> Sequence[Job]:
        """See `Library.generations`.

        Raises:
            UnknownJob: `after` is none, so that nothing can follow it.
        """
        found = await self._library.generations(
            filters, statuses=statuses, order=order, after=after, limit=limit
        )
        await self._refuse_nowhere(after, found)
        return found

    async def generation(self, job_id: str) -> LibraryEntry:
        """One that was not deleted.

        Raises:
            UnknownJob: there is none with that id.
        """
        entry = await self._library.get(job_id)
        if entry.is_hidden:
            raise UnknownJob(f"No generation has the id {job_id!r}.")
        return entry

    async def outputs(
        self,
        filters: Filters,
        *,
        is_deleted: bool,
        order: Order,
        after: str | None,
        limit: int,
    ) -> Sequence[LibraryEntry]:
        """See `Library.outputs`.

        Raises:
            UnknownJob: `after` is none, so that nothing can follow it.
        """
        found = await self._library.outputs(
            filters, is_deleted=is_deleted, order=order, after=after, limit=limit
        )
        await self._refuse_nowhere(after, found)
        return found

    async def facets(self, filters: Filters, *, is_deleted: bool) -> Facets:
        """See `Library.facets`."""
        return await self._library.facets(filters, is_deleted=is_deleted)

    async def output(self, job_id: str) -> LibraryEntry:
        """One that has a video, deleted or not.

        Raises:
            UnknownJob: there is none with that id.
            OutputMissing: it has none.
        """
        entry = await self._library.get(job_id)
        entry.expect_video()
        return entry

    async def lineage(self, entry: LibraryEntry) -> Lineage:
        """Where it came from, and what came of it."""
        return Lineage(
            retry_of=entry.job.retry_of,
            made_from=entry.job.made_from,
            descendants=await self._library.descendants(entry.job.id),
        )

    async def video(self, job_id: str) -> tuple[LibraryEntry, Path]:
        """One that can be watched, and where its file lies.

        Raises:
            UnknownJob: there is none with that id.
            OutputMissing: it has no video, or that was deleted.
        """
        entry = await self.output(job_id)
        if entry.state is OutputState.DELETED:
            raise OutputMissing("The video was deleted; until it is gone for good, restore it.")
        return entry, await asyncio.to_thread(self._store.locate, job_id)

    async def _refuse_nowhere(self, after: str | None, found: Sequence[object]) -> None:
        """Asked only where nothing was found, which a place that there is may have, too."""
        if after is not None and not found:
            await self._library.get(after)
