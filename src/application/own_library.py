"""The library as it is for one caller: what is its own, or, for an administrator, everybody's."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from domain.access import Caller
from domain.errors import UnknownJob
from domain.job import Job
from domain.job_event import JobStatus
from domain.library import Facets, Filters, LibraryEntry, Order, OutputState
from domain.ports.library import Library


class OwnLibrary(Library):
    """Looks through another, and finds the caller's only: another's is as unknown as none. ADR-0036."""

    def __init__(self, library: Library, caller: Caller) -> None:
        self._library = library
        self._caller = caller

    async def get(self, job_id: str) -> LibraryEntry:
        return self._own(await self._library.get(job_id))

    async def update(self, job_id: str, change: Callable[[LibraryEntry], None]) -> LibraryEntry:
        return await self._library.update(job_id, lambda entry: change(self._own(entry)))

    async def outputs(
        self,
        filters: Filters,
        *,
        is_deleted: bool = False,
        order: Order = Order.NEWEST,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[LibraryEntry]:
        if not await self._may_start_at(after):
            return []
        return await self._library.outputs(
            self._narrowed(filters), is_deleted=is_deleted, order=order, after=after, limit=limit
        )

    async def facets(self, filters: Filters, *, is_deleted: bool = False) -> Facets:
        return await self._library.facets(self._narrowed(filters), is_deleted=is_deleted)

    async def generations(
        self,
        filters: Filters,
        *,
        statuses: Sequence[JobStatus] = (),
        order: Order = Order.NEWEST,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[Job]:
        if not await self._may_start_at(after):
            return []
        return await self._library.generations(
            self._narrowed(filters), statuses=statuses, order=order, after=after, limit=limit
        )

    async def in_state(
        self,
        state: OutputState,
        *,
        before: datetime,
        but_favourites: bool = False,
        limit: int = 50,
    ) -> Sequence[LibraryEntry]:
        found = await self._library.in_state(
            state, before=before, but_favourites=but_favourites, limit=limit
        )
        return [entry for entry in found if self._caller.may_see(entry.job.client)]

    async def descendants(self, job_id: str, *, limit: int = 50) -> Sequence[Job]:
        found = await self._library.descendants(job_id, limit=limit)
        return [job for job in found if self._caller.may_see(job.client)]

    def _narrowed(self, filters: Filters) -> Filters:
        return filters if self._caller.sees_all else replace(filters, client=self._caller.client)

    async def _may_start_at(self, job_id: str | None) -> bool:
        if job_id is None or self._caller.sees_all:
            return True
        try:
            await self.get(job_id)
        except UnknownJob:
            return False
        return True

    def _own(self, entry: LibraryEntry) -> LibraryEntry:
        if not self._caller.may_see(entry.job.client):
            raise UnknownJob(f"No generation has the id {entry.job.id!r}.")
        return entry
