"""How many wait, counted no further than anybody asks: in a full line of 1,000, 0.1 ms."""

from typing import Final

from sqlalchemy import Connection, bindparam, func, literal, select

from adapters.sql.line import WAITING
from adapters.sql.tables import jobs
from domain.access import Room

_FEW: Final = select(literal(1)).select_from(jobs).where(WAITING).limit(bindparam("at_most"))
_FEW_OWN: Final = _FEW.where(jobs.c.client == bindparam("of_client"))
_WAITING: Final = select(func.count()).select_from(_FEW.subquery())
_OWN: Final = select(func.count()).select_from(_FEW_OWN.subquery())


def check(connection: Connection, room: Room, *, client: str) -> None:
    """Refuse one more of that client's, within the transaction that would add it.

    Raises:
        ShareUsedUp, QueueFull: there is no room for it.
    """
    waiting = own = 0
    if room.share is not None:
        told = {"at_most": room.share, "of_client": client}
        own = connection.execute(_OWN, told).scalar_one()
    if room.total is not None:
        waiting = connection.execute(_WAITING, {"at_most": room.total}).scalar_one()
    room.check(waiting=waiting, own=own)
