"""The library in SQL: cards choose, jobs are read. Their entries are written by `SqlJobRepository`, too."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Connection,
    RowMapping,
    Select,
    Text,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    union_all,
    update,
)

from adapters.sql.card_search import conditions_of, matching, source_of
from adapters.sql.database import Database
from adapters.sql.rows import entry_to_card, instant_to_text, row_to_entry, row_to_job
from adapters.sql.tables import card_loras, cards, has_state, has_status, jobs
from domain.errors import UnknownJob
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
)
from domain.ports.library import Library

_CARD: Final = [
    cards.c.state.label("card_state"),
    cards.c.since,
    cards.c.rating,
    cards.c.favourite,
    cards.c.hidden,
]
_ENTRIES: Final = select(jobs, *_CARD).join(cards, cards.c.sequence == jobs.c.sequence)
_BY_ID: Final = _ENTRIES.where(jobs.c.id == bindparam("of_id"))
_DESCENDANTS: Final = (
    select(jobs)
    .where(or_(jobs.c.retry_of == bindparam("of_id"), jobs.c.made_from == bindparam("of_id")))
    .order_by(jobs.c.sequence)
    .limit(bindparam("at_most"))
)


class SqlLibrary(Library):
    """Looks through thin rows by index, and reads only the jobs that it hands out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, job_id: str) -> LibraryEntry:
        return await self._database.read(lambda connection: _load(connection, job_id))

    async def update(self, job_id: str, change: Callable[[LibraryEntry], None]) -> LibraryEntry:
        def work(connection: Connection) -> LibraryEntry:
            entry = _load(connection, job_id)
            before = entry_to_card(entry)
            change(entry)
            if (after := entry_to_card(entry)) != before:
                of_job = select(jobs.c.sequence).where(jobs.c.id == job_id).scalar_subquery()
                connection.execute(update(cards).where(cards.c.sequence == of_job).values(after))
            return entry

        return await self._database.write(work)

    async def outputs(
        self,
        filters: Filters,
        *,
        is_deleted: bool = False,
        order: Order = Order.NEWEST,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[LibraryEntry]:
        place = source_of(filters)
        chosen = _chosen(filters, is_deleted=is_deleted).with_only_columns(place)
        if after is not None:
            there = select(jobs.c.sequence).where(jobs.c.id == after).scalar_subquery()
            chosen = chosen.where(place < there if order is Order.NEWEST else place > there)
        ordered = place.desc() if order is Order.NEWEST else place
        found = chosen.order_by(ordered).limit(limit).subquery()
        sequence = found.c[0]
        query = (
            select(jobs, *_CARD)
            .select_from(found)
            .join(jobs, jobs.c.sequence == sequence)
            .join(cards, cards.c.sequence == sequence)
            .order_by(sequence.desc() if order is Order.NEWEST else sequence)
        )
        return [row_to_entry(row) for row in await self._rows(query)]

    async def facets(self, filters: Filters, *, is_deleted: bool = False) -> Facets:
        of_values = (cards.c.checkpoint, cards.c.size, cards.c.rating, cards.c.favourite)
        count = func.count().label("found")
        tallies = (
            _chosen(filters, is_deleted=is_deleted, values=False)
            .with_only_columns(*of_values, count)
            .group_by(*of_values)
        )
        # Not joined: SQLite would look for the prompt's words once for each LoRA of each video.
        using_any = _chosen(filters, is_deleted=is_deleted, loras=False)
        loras = (
            select(card_loras.c.name, count)
            .where(card_loras.c.sequence.in_(using_any))
            .group_by(card_loras.c.name)
        )
        return facets_of(
            [
                Tally(
                    checkpoint=row["checkpoint"],
                    size=row["size"],
                    rating=row["rating"],
                    is_favourite=bool(row["favourite"]),
                    count=row["found"],
                )
                for row in await self._rows(tallies)
            ],
            filters,
            {row["name"]: row["found"] for row in await self._rows(loras)},
        )

    async def generations(
        self,
        filters: Filters,
        *,
        statuses: Sequence[JobStatus] = (),
        order: Order = Order.NEWEST,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[Job]:
        # Those of a status are found by an index of jobs, so are one client's, and all others by their cards.
        if filters.client is not None:
            statuses = statuses or tuple(JobStatus)
        is_of_status = bool(statuses) and filters.text is None
        place = jobs.c.sequence if is_of_status else source_of(filters)
        eligible = (
            select(jobs)
            .select_from(matching(filters))
            .join(jobs, jobs.c.sequence == cards.c.sequence)
            .where(cards.c.hidden == 0, *conditions_of(filters))
        )
        if filters.client is not None:
            eligible = eligible.where(jobs.c.client == filters.client)
        if after is not None:
            there = select(jobs.c.sequence).where(jobs.c.id == after).scalar_subquery()
            eligible = eligible.where(place < there if order is Order.NEWEST else place > there)
        ordered = place.desc() if order is Order.NEWEST else place.asc()
        # As in `SqlJobRepository.list`: one ordered walk per status.
        walks = [eligible.where(has_status(status)) for status in dict.fromkeys(statuses)]
        walks = [walk.order_by(ordered).limit(limit) for walk in walks or [eligible]]
        query = walks[0] if len(walks) == 1 else _merged(walks, order, limit)
        return [row_to_job(row) for row in await self._rows(query)]

    async def in_state(
        self,
        state: OutputState,
        *,
        before: datetime,
        but_favourites: bool = False,
        limit: int = 50,
    ) -> Sequence[LibraryEntry]:
        query = (
            _ENTRIES.where(
                cards.c.state == literal_column(f"'{state.value}'", Text),
                cards.c.since < instant_to_text(before),
            )
            .order_by(cards.c.since)
            .limit(limit)
        )
        if but_favourites:
            query = query.where(cards.c.favourite == 0)
        return [row_to_entry(row) for row in await self._rows(query)]

    async def descendants(self, job_id: str, *, limit: int = 50) -> Sequence[Job]:
        rows = await self._rows(_DESCENDANTS, {"of_id": job_id, "at_most": limit})
        return [row_to_job(row) for row in rows]

    async def _rows(
        self,
        query: Any,
        values: dict[str, object] | None = None,  # Any: a SELECT of whatever columns
    ) -> Sequence[RowMapping]:
        return await self._database.read(
            lambda connection: connection.execute(query, values or {}).mappings().all()
        )


def _merged(walks: Sequence[Select[Any]], order: Order, limit: int) -> Select[Any]:
    """The first of all that they find."""
    among = union_all(*(select(walk.subquery()) for walk in walks)).subquery()
    sequence = among.c.sequence
    ordered = sequence.desc() if order is Order.NEWEST else sequence
    return select(among).order_by(ordered).limit(limit)


def _chosen(
    filters: Filters, *, is_deleted: bool, values: bool = True, loras: bool = True
) -> Select[Any]:
    """Cards of videos that fit; `values`, `loras`: whether those filters count, too."""
    state = has_state(OutputState.DELETED if is_deleted else OutputState.KEPT)
    wanted = conditions_of(filters, values=values, loras=loras)
    return select(cards.c.sequence).select_from(matching(filters)).where(state, *wanted)


def _load(connection: Connection, job_id: str) -> LibraryEntry:
    row = connection.execute(_BY_ID, {"of_id": job_id}).mappings().one_or_none()
    if row is None:
        raise UnknownJob(f"No generation has the id {job_id!r}.")
    return row_to_entry(row)
