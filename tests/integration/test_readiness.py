"""What /readyz says of a real server's parts."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bootstrap.core_container import CoreContainer
from bootstrap.server import _readiness
from bootstrap.server_container import ServerContainer
from bootstrap.settings import load_settings
from domain.errors import StorageError


async def test_a_database_that_cannot_be_read_is_told_though_nothing_was_written_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The newest event's number is known from memory: asking for it said nothing of the file.
    settings = load_settings(overrides={"data_dir": str(tmp_path / "data")}, environment={})
    core = CoreContainer(settings=settings)
    core.data_directory().prepare()
    container = ServerContainer(core=core)
    database = container.database()
    await database.open()
    running = asyncio.create_task(asyncio.sleep(60))
    assert (await _readiness(container, running))["database"] is None

    async def unreadable(_work: Any) -> Any:
        raise StorageError("The database cannot be used: disk I/O error.")

    monkeypatch.setattr(database, "read", unreadable)
    told = (await _readiness(container, running))["database"]

    running.cancel()
    await database.close()
    assert told == "The database cannot be used: disk I/O error."
