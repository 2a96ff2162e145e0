"""The library in SQL: cards choose, jobs are read. Their entries are written by `SqlJobRepository`, too."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
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

#: Kept, of those that were asked of late: to put one together takes longer than to look up what it asks for.
_STATEMENTS: Final = 32
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
        query = _outputs(filters, is_deleted=is_deleted, order=order, is_after=after is not None)
        rows = await self._rows(query, {"after": after, "at_most": limit})
        return [row_to_entry(row) for row in rows]

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
        if filters.client is not None:
            statuses = statuses or tuple(JobStatus)  # its index of jobs goes by state
        query = _generations(
            filters,
            statuses=tuple(dict.fromkeys(statuses)),
            order=order,
            is_after=after is not None,
        )
        return [
            row_to_job(row) for row in await self._rows(query, {"after": after, "at_most": limit})
        ]

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


@lru_cache(_STATEMENTS)
def _outputs(filters: Filters, *, is_deleted: bool, order: Order, is_after: bool) -> Select[Any]:
    """Entries of videos that fit, beyond the job `after` where that counts: `at_most` of them."""
    place = source_of(filters)
    chosen = _chosen(filters, is_deleted=is_deleted).with_only_columns(place)
    if is_after:
        chosen = chosen.where(_is_beyond(place, order))
    found = chosen.order_by(_ordered(place, order)).limit(bindparam("at_most")).subquery()
    sequence = found.c[0]
    return (
        select(jobs, *_CARD)
        .select_from(found)
        .join(jobs, jobs.c.sequence == sequence)
        .join(cards, cards.c.sequence == sequence)
        .order_by(_ordered(sequence, order))
    )


@lru_cache(_STATEMENTS)
def _generations(
    filters: Filters, *, statuses: tuple[JobStatus, ...], order: Order, is_after: bool
) -> Select[Any]:
    """Jobs that fit, beyond the job `after` where that counts: `at_most` of them."""
    # Those of a status are found by an index of jobs, and all others by their cards.
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
    if is_after:
        eligible = eligible.where(_is_beyond(place, order))
    # As in `SqlJobRepository.list`: one ordered walk per status.
    walks = [eligible.where(has_status(status)) for status in statuses] or [eligible]
    walks = [walk.order_by(_ordered(place, order)).limit(bindparam("at_most")) for walk in walks]
    if len(walks) == 1:
        return walks[0]
    among = union_all(*(select(walk.subquery()) for walk in walks)).subquery()
    ordered = _ordered(among.c.sequence, order)
    return select(among).order_by(ordered).limit(bindparam("at_most"))


def _is_beyond(place: ColumnElement[int], order: Order) -> ColumnElement[bool]:
    there = select(jobs.c.sequence).where(jobs.c.id == bindparam("after")).scalar_subquery()
    return place < there if order is Order.NEWEST else place > there


def _ordered(place: ColumnElement[int], order: Order) -> ColumnElement[int]:
    return place.desc() if order is Order.NEWEST else place.asc()


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
