"""Idempotency keys in SQL: which request each stood for, for as long as that is remembered."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, select, tuple_

from adapters.sql.rows import instant_to_text
from adapters.sql.tables import idempotency_keys
from domain.errors import KeyReused
from domain.idempotency import KEY_LIFETIME_DAYS, IdempotencyKey

_LIFETIME: Final = timedelta(days=KEY_LIFETIME_DAYS)
#: Old keys removed for each new one: more than come, so that they never pile up, and soon done.
_REMOVED_AT_ONCE: Final = 8

_columns = idempotency_keys.c
_FIND: Final = select(_columns.fingerprint, _columns.job_id).where(
    _columns.client == bindparam("of_client"),
    _columns.key == bindparam("named"),
    _columns.created_at >= bindparam("since"),
)
_OLDEST: Final = (
    select(_columns.client, _columns.key)
    .where(_columns.created_at < bindparam("since"))
    .order_by(_columns.created_at)
    .limit(_REMOVED_AT_ONCE)
)
_FORGET: Final = delete(idempotency_keys).where(tuple_(_columns.client, _columns.key).in_(_OLDEST))
_REMEMBER: Final = insert(idempotency_keys).prefix_with(
    "OR REPLACE"
)  # one that was forgotten, or begins anew


def find(connection: Connection, key: IdempotencyKey, *, at: datetime) -> str | None:
    """The id of the job that was kept under `key`; None where it was not used of late.

    Raises:
        KeyReused: it was used for something else.
    """
    if key.begins_anew:
        return None
    since = instant_to_text(at - key.lifetime)
    told = {"of_client": key.client, "named": key.key, "since": since}
    row = connection.execute(_FIND, told).one_or_none()
    if row is None:
        return None
    if row.fingerprint != key.fingerprint:
        raise KeyReused
    return str(row.job_id)


def remember(connection: Connection, key: IdempotencyKey, *, job_id: str, at: datetime) -> None:
    """Let `key` stand for the job, and forget a few of the keys whose time is over."""
    connection.execute(_FORGET, {"since": instant_to_text(at - _LIFETIME)})
    row = {
        "client": key.client,
        "key": key.key,
        "fingerprint": key.fingerprint,
        "job_id": job_id,
        "created_at": instant_to_text(at),
    }
    connection.execute(_REMEMBER, row)
