"""Generations, found again."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime

from domain.job import Job
from domain.job_event import JobStatus
from domain.library import Facets, Filters, LibraryEntry, Order, OutputState


class Library(ABC):
    """Every generation and what its owner has made of it; an entry comes and goes on with its job.

    `JobRepository` writes the entries of jobs, in the same transaction: a video is here as soon as its job has
    completed.
    """

    @abstractmethod
    async def get(self, job_id: str) -> LibraryEntry:
        """The entry as it is now.

        Raises:
            UnknownJob: there is none with that id.
        """

    @abstractmethod
    async def update(self, job_id: str, change: Callable[[LibraryEntry], None]) -> LibraryEntry:
        """Load the entry, let `change` alter it (its job excepted), and keep it: as `JobRepository.update`.

        Raises:
            UnknownJob: there is none with that id.
            DiskFull: there was no room; nothing is changed.
        """

    @abstractmethod
    async def outputs(
        self,
        filters: Filters,
        *,
        is_deleted: bool = False,
        order: Order = Order.NEWEST,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[LibraryEntry]:
        """Finished videos, in the order in which they were asked for.

        Args:
            is_deleted: only those that were deleted, and can be restored; without it, only the others.
            after: only what follows the one with this id; an id that is not there gives none.
        """

    @abstractmethod
    async def facets(self, filters: Filters, *, is_deleted: bool = False) -> Facets:
        """How many of those `outputs` there are of each value; LoRAs as `filters` have the rest."""

    @abstractmethod
    async def generations(
        self,
        filters: Filters,
        *,
        statuses: Sequence[JobStatus] = (),
        order: Order = Order.NEWEST,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[Job]:
        """Generations that were not deleted, in the order in which they were asked for.

        Those that nobody rates are of rating 0, and no favourites.

        Args:
            statuses: only these; all where empty.
            after: as `outputs` has it.
        """

    @abstractmethod
    async def in_state(
        self,
        state: OutputState,
        *,
        before: datetime,
        but_favourites: bool = False,
        limit: int = 50,
    ) -> Sequence[LibraryEntry]:
        """Those whose video came to be in `state` before then, the longest first.

        Args:
            but_favourites: without those.
        """

    @abstractmethod
    async def descendants(self, job_id: str, *, limit: int = 50) -> Sequence[Job]:
        """Those that were made from it, or asked for again, oldest first; whether listed or not."""
