"""Messages to deliver, in SQL."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from adapters.sql.database import Database
from adapters.sql.rows import instant_to_text
from adapters.sql.tables import webhooks
from domain.ports.webhook_outbox import Delivery, WebhookOutbox

_DUE: Final = (
    select(webhooks)
    .where(webhooks.c.due_at <= bindparam("at"))
    .order_by(webhooks.c.due_at, webhooks.c.number)
    .limit(bindparam("at_most"))
)
_NUMBERED: Final = webhooks.c.number == bindparam("of_number")


def post(
    connection: Connection, *, message_id: str, job_id: str, url: str | None, at: datetime
) -> None:
    """Have it delivered, if the transaction is kept."""
    connection.execute(
        insert(webhooks),
        {
            "id": message_id,
            "job_id": job_id,
            "url": url,
            "tries": 0,
            "due_at": instant_to_text(at),
        },
    )


class SqlWebhookOutbox(WebhookOutbox):
    """`SqlJobRepository` puts in what this takes out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, *, at: datetime, limit: int) -> Sequence[Delivery]:
        wanted = {"at": instant_to_text(at), "at_most": limit}

        def work(connection: Connection) -> Sequence[Delivery]:
            return [
                Delivery(
                    number=row["number"],
                    id=row["id"],
                    job_id=row["job_id"],
                    url=row["url"],
                    tries=row["tries"],
                )
                for row in connection.execute(_DUE, wanted).mappings()
            ]

        return await self._database.read(work)

    async def postpone(self, number: int, *, until: datetime) -> None:
        later = (
            update(webhooks)
            .where(_NUMBERED)
            .values(tries=webhooks.c.tries + 1, due_at=instant_to_text(until))
        )
        await self._database.write(
            lambda connection: connection.execute(later, {"of_number": number})
        )

    async def remove(self, number: int) -> None:
        gone = delete(webhooks).where(_NUMBERED)
        await self._database.write(
            lambda connection: connection.execute(gone, {"of_number": number})
        )

    async def length(self) -> int:
        count = select(func.count()).select_from(webhooks)
        return await self._database.read(lambda connection: connection.execute(count).scalar_one())

    async def wait(self, *, now: Callable[[], datetime], timeout_s: float) -> None:
        async def is_due() -> bool:
            return bool(await self.due(at=now(), limit=1))

        await self._database.wait(is_due, timeout_s=timeout_s)
