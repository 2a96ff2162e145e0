"""Where a job stands in line, in SQL: by priority, then turn, then place. ADR-0008."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    Connection,
    RowMapping,
    bindparam,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from adapters.sql.tables import has_status, jobs, queue
from domain.job_event import JobStatus

#: Ends with what no two jobs share. One index holds it.
ORDER: Final = (jobs.c.priority.desc(), jobs.c.turn, jobs.c.place, jobs.c.sequence)
WAITING: Final = has_status(JobStatus.QUEUED)
NOT_PAUSED: Final = ~exists(select(queue.c.number).where(queue.c.paused_at.is_not(None)))

#: The job to start at `:at`. A pause that ends after `:longest_wait` was written by another clock.
#: Those it passes over were given back within the longest wait: few, as each was an attempt, and all
#: it reads of them is the index.
_NEXT: Final = (
    select(jobs)
    .where(
        WAITING,
        or_(
            jobs.c.run_after.is_(None),
            jobs.c.run_after <= bindparam("at"),
            jobs.c.run_after > bindparam("longest_wait"),
        ),
        NOT_PAUSED,
    )
    .order_by(*ORDER)
)
_AT_PRIORITY: Final = jobs.c.priority == bindparam("at_priority")
NEXT: Final = _NEXT.limit(1)
#: Those that could be started at `:at`.
STARTABLE: Final = _NEXT.limit(bindparam("at_most"))
#: The first `:reach` of one priority that could be started at `:at`.
NEXT_FEW: Final = _NEXT.where(_AT_PRIORITY).limit(bindparam("reach"))

_OTHERS: Final = jobs.c.sequence != bindparam("not_counting")
_LAST_OF_CLIENT: Final = (
    select(jobs.c.turn + 1)
    .where(WAITING, jobs.c.client == bindparam("of_client"), _AT_PRIORITY, _OTHERS)
    .order_by(jobs.c.turn.desc())
    .limit(1)
)
_HEAD: Final = (
    select(jobs.c.turn).where(WAITING, _AT_PRIORITY, _OTHERS).order_by(jobs.c.turn).limit(1)
)
_LAST_STARTED: Final = select(func.max(jobs.c.turn)).where(
    has_status(JobStatus.RUNNING, JobStatus.PUBLISHING), _AT_PRIORITY
)
#: The turn of a job that goes to the end of what `:of_client` has waiting at `:at_priority`: one later,
#: or else that which has come. A pause is no sign of it: turns pass by a job that waits for another try.
TURN_AT_THE_END: Final = func.coalesce(
    _LAST_OF_CLIENT.scalar_subquery(),
    _HEAD.where(jobs.c.run_after.is_(None)).scalar_subquery(),
    _LAST_STARTED.scalar_subquery(),
    _HEAD.scalar_subquery(),
    0,
)
_NEXT_SEQUENCE: Final = select(func.coalesce(func.max(jobs.c.sequence), 0) + 1)
#: The job's columns, and these of `of_client`, `at_priority` and `not_counting`.
INSERT: Final = insert(jobs).values(turn=TURN_AT_THE_END, place=_NEXT_SEQUENCE.scalar_subquery())

_STAND: Final = select(jobs.c.priority, jobs.c.turn, jobs.c.place).where(WAITING, _OTHERS)
_NEIGHBOURS: Final = _STAND.order_by(*ORDER).limit(2).offset(bindparam("passed"))
_LAST: Final = _STAND.order_by(
    jobs.c.priority, jobs.c.turn.desc(), jobs.c.place.desc(), jobs.c.sequence.desc()
).limit(1)
_GROUP: Final = select(jobs.c.sequence, jobs.c.place).where(
    _AT_PRIORITY, jobs.c.turn == bindparam("at_turn"), _OTHERS
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """A place in line. Whoever comes later has a larger `place` in the same turn."""

    priority: int
    turn: int
    place: float


def end_of_turns(connection: Connection, row: RowMapping, *, priority: int) -> Stand:
    """Behind what else its client has waiting at `priority`, and by age within the turn."""
    told = {
        "of_client": row["client"],
        "at_priority": priority,
        "not_counting": row["sequence"],
    }
    turn = connection.execute(select(TURN_AT_THE_END), told).scalar_one()
    return Stand(priority=priority, turn=turn, place=float(row["sequence"]))


def stand_at(connection: Connection, row: RowMapping, *, position: int) -> Stand:
    """The `position`th in the line without it, from 1; beyond the end is the end."""
    passed = max(position - 1, 0)
    told = {"not_counting": row["sequence"], "passed": max(passed - 1, 0)}
    neighbours = connection.execute(_NEIGHBOURS, told).mappings().all()
    if len(neighbours) < min(passed, 1) + 1:
        return _at_the_end(connection, row)
    after = neighbours[min(passed, 1)]
    before = neighbours[0] if passed else None
    lower = after["place"] - 2
    if before is not None and _is_same_turn(before, after):
        lower = before["place"]
    return _between(connection, row, after, lower, after["place"]) or stand_at(
        connection, row, position=position
    )


def _at_the_end(connection: Connection, row: RowMapping) -> Stand:
    last = connection.execute(_LAST, {"not_counting": row["sequence"]}).mappings().one_or_none()
    if last is None:
        return Stand(priority=row["priority"], turn=row["turn"], place=row["place"])
    newcomers = connection.execute(_NEXT_SEQUENCE).scalar_one()
    return _between(connection, row, last, last["place"], newcomers) or _at_the_end(connection, row)


def _between(
    connection: Connection, row: RowMapping, neighbour: RowMapping, lower: float, upper: float
) -> Stand | None:
    """The neighbour's turn, halfway; None where no number lay there, and all have new ones now."""
    priority, turn, place = neighbour["priority"], neighbour["turn"], (lower + upper) / 2
    if lower < place < upper:
        return Stand(priority=priority, turn=turn, place=place)
    _number_anew(connection, row, priority=priority, turn=turn)
    return None


def _number_anew(connection: Connection, row: RowMapping, *, priority: int, turn: int) -> None:
    """Whole numbers for all of a turn, those that may come back to it included."""
    told = {"at_priority": priority, "at_turn": turn, "not_counting": row["sequence"]}
    places = [
        (place, sequence)
        for status in (WAITING, has_status(JobStatus.RUNNING, JobStatus.PUBLISHING))
        for sequence, place in connection.execute(_GROUP.where(status), told)
    ]
    connection.execute(
        update(jobs)
        .where(jobs.c.sequence == bindparam("of_sequence"))
        .values(place=bindparam("new_place")),
        [
            {"of_sequence": sequence, "new_place": float(number)}
            for number, (_, sequence) in enumerate(sorted(places), start=1)
        ],
    )


def _is_same_turn(one: RowMapping, other: RowMapping) -> bool:
    return bool(one["priority"] == other["priority"] and one["turn"] == other["turn"])
