"""The library over the jobs in memory, which write its entries."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from datetime import datetime

from domain.errors import StorageError, UnknownJob
from domain.job import Job
from domain.job_event import JobStatus
from domain.library import (
    Facets,
    Filters,
    LibraryEntry,
    Order,
    OutputState,
    Tally,
    facets_of,
    size_of,
    state_of,
)
from domain.ports.library import Library


class InMemoryLibrary(Library):
    """Looks at every entry. Put errors into `refusals` and as many of the next updates fail with them."""

    def __init__(self) -> None:
        self.refusals: list[StorageError] = []
        self._entries: dict[str, LibraryEntry] = {}  # in the order their jobs came

    def note(self, job: Job) -> None:
        """A job was kept: its video is in the library once it has completed."""
        entry = self._entries.setdefault(job.id, LibraryEntry(job=job))
        entry.job = job
        if entry.state is OutputState.NONE and job.status is JobStatus.COMPLETED:
            entry.state, entry.since = state_of(job.status), job.finished_at

    async def get(self, job_id: str) -> LibraryEntry:
        if job_id not in self._entries:
            raise UnknownJob(f"No generation has the id {job_id!r}.")
        return copy(self._entries[job_id])

    async def update(self, job_id: str, change: Callable[[LibraryEntry], None]) -> LibraryEntry:
        entry = await self.get(job_id)
        change(entry)
        if self.refusals:
            raise self.refusals.pop(0)
        self._entries[job_id] = copy(entry)
        return entry

    async def outputs(
        self,
        filters: Filters,
        *,
        is_deleted: bool = False,
        order: Order = Order.NEWEST,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[LibraryEntry]:
        found = [*self._entries.values()]
        if order is Order.NEWEST:
            found.reverse()
        found = _following(found, after)
        return [copy(e) for e in found if _is_shown(e, is_deleted) and _fits(e, filters)][:limit]

    async def facets(self, filters: Filters, *, is_deleted: bool = False) -> Facets:
        shown = [entry for entry in self._entries.values() if _is_shown(entry, is_deleted)]
        free = replace(filters, checkpoints=(), sizes=(), min_rating=0, is_favourite=None)
        loras = Counter(
            name
            for entry in shown
            if _fits(entry, replace(filters, loras=()))
            for name in {use.name for use in entry.job.request.loras}
        )
        return facets_of([_tally(entry) for entry in shown if _fits(entry, free)], filters, loras)

    async def generations(
        self,
        filters: Filters,
        *,
        statuses: Sequence[JobStatus] = (),
        order: Order = Order.NEWEST,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[Job]:
        found = [*self._entries.values()]
        if order is Order.NEWEST:
            found.reverse()
        found = _following(found, after)
        return [
            copy(entry.job)
            for entry in found
            if not entry.is_hidden
            and (not statuses or entry.job.status in statuses)
            and _fits(entry, filters)
        ][:limit]

    async def in_state(
        self,
        state: OutputState,
        *,
        before: datetime,
        but_favourites: bool = False,
        limit: int = 50,
    ) -> Sequence[LibraryEntry]:
        found = [
            (entry.since, number, copy(entry))
            for number, entry in enumerate(self._entries.values())
            if entry.state is state and entry.since is not None and entry.since < before
            if not (but_favourites and entry.is_favourite)
        ]
        return [entry for *_, entry in sorted(found)][:limit]

    async def descendants(self, job_id: str, *, limit: int = 50) -> Sequence[Job]:
        jobs = [copy(entry.job) for entry in self._entries.values()]
        return [job for job in jobs if job_id in {job.retry_of, job.made_from}][:limit]


def _following(entries: list[LibraryEntry], after: str | None) -> list[LibraryEntry]:
    if after is None:
        return entries
    ids = [entry.job.id for entry in entries]
    return entries[ids.index(after) + 1 :] if after in ids else []


def _is_shown(entry: LibraryEntry, is_deleted: bool) -> bool:
    return entry.state is (OutputState.DELETED if is_deleted else OutputState.KEPT)


def _tally(entry: LibraryEntry) -> Tally:
    request = entry.job.request
    return Tally(
        checkpoint=request.checkpoint,
        size=size_of(request.width, request.height),
        rating=entry.rating,
        is_favourite=entry.is_favourite,
        count=1,
    )


def _fits(entry: LibraryEntry, filters: Filters) -> bool:
    job, request = entry.job, entry.job.request
    choices = (
        (filters.checkpoints, {request.checkpoint}),
        (filters.sizes, {size_of(request.width, request.height)}),
        (filters.loras, {use.name for use in request.loras}),
    )
    return (
        all(not chosen or set(chosen) & there for chosen, there in choices)
        and (filters.client in {None, job.client})
        and (filters.since is None or job.created_at >= filters.since)
        and (filters.until is None or job.created_at < filters.until)
        and entry.rating >= filters.min_rating
        and filters.is_favourite in {None, entry.is_favourite}
        and (filters.text is None or _says(request.prompt, filters.text))
    )


def _says(prompt: str, text: str) -> bool:
    """Whether every word of `text` is one of the prompt's, or its beginning."""
    phrases = [" ".join(words) for chunk in text.split() if (words := _words(chunk))]
    told = "".join(f" {word}" for word in _words(prompt))
    return bool(phrases) and all(f" {phrase}" in told for phrase in phrases)


def _words(text: str) -> list[str]:
    """Latin words without their accents, and single characters of Chinese."""
    plain = re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFD", text.casefold()))
    return re.findall(r"[\u4e00-\u9fff]|[^\W_\u4e00-\u9fff]+", plain)
