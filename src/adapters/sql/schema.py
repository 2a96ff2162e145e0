"""Whose file it is, and which version of our schema it holds.

The file's header says both, so that a start with nothing to migrate never loads Alembic: the
`application_id` is ours, and the `user_version` is the number of the last migration.
"""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from domain.errors import DataDirectoryUnusable

#: "WANS" in ASCII.
APPLICATION_ID: Final = 0x57414E53
#: The last migration in `migrations/versions`; its revision is this number in four digits.
VERSION: Final = 9


def refuse_others(connection: Connection) -> None:
    """Reads only.

    Raises:
        DataDirectoryUnusable: the file is another program's, or a newer version of ours wrote it.
    """
    owner = _number(connection, "PRAGMA application_id")
    version = _number(connection, "PRAGMA user_version")
    if owner != APPLICATION_ID and _is_used(connection):
        raise DataDirectoryUnusable(
            "This database belongs to another program: choose another data directory."
        )
    if version > VERSION:
        raise DataDirectoryUnusable(
            f"A newer Wan Studio wrote this database (schema {version}; this version knows "
            f"{VERSION}): upgrade Wan Studio, or choose another data directory."
        )


def refuse_older(connection: Connection) -> None:
    """Reads only.

    Raises:
        DataDirectoryUnusable: an older version of ours wrote the file, or it holds nothing yet.
    """
    version = _number(connection, "PRAGMA user_version")
    if version < VERSION:
        raise DataDirectoryUnusable(
            f"An older Wan Studio wrote this database (schema {version}; this version reads "
            f"{VERSION}): start the server once, which brings it up to date."
        )


def use_write_ahead_log(connection: Connection) -> None:
    """Lets readers go on while a transaction is written. Kept in the file.

    Raises:
        DataDirectoryUnusable: the file system cannot do it.
    """
    mode = connection.exec_driver_sql("PRAGMA journal_mode = WAL").scalar_one()
    if mode != "wal":
        raise DataDirectoryUnusable(
            "This file system cannot hold a write-ahead log: choose a data directory on a local disk."
        )


def migrate(connection: Connection) -> None:
    """Bring the file to `VERSION` and put our name on it, within the transaction it is in.

    The name is written even where it stands: only a write shows that the file can be written, as
    SQLite begins a read in silence where BEGIN IMMEDIATE asks for more than it may do.
    """
    if _number(connection, "PRAGMA user_version") != VERSION:
        _upgrade(connection)
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")


def _upgrade(connection: Connection) -> None:
    # Imported here: it costs a fifth of a second, and almost no start needs it.
    from alembic import command
    from alembic.config import Config

    folder = str(Path(__file__).with_name("migrations"))
    config = Config()
    config.set_main_option("script_location", folder.replace("%", "%%"))  # it interpolates
    config.attributes["connection"] = connection
    command.upgrade(config, f"{VERSION:04}")


def _is_used(connection: Connection) -> bool:
    return _number(connection, "SELECT count(*) FROM sqlite_master") > 0 or any(
        _number(connection, f"PRAGMA {mark}") for mark in ("application_id", "user_version")
    )


def _number(connection: Connection, sql: str) -> int:
    return int(connection.exec_driver_sql(sql).scalar_one())
