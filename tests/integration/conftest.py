"""A place of its own for what the command line does in a test's own process; an empty, open database."""

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from adapters.sql.database import Database


@pytest.fixture
def settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An own home, and the root logger as it was."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    before = (logging.getLogger().level, logging.getLogger().handlers[:])
    yield
    logging.getLogger().setLevel(before[0])
    logging.getLogger().handlers[:] = before[1]
    logging.captureWarnings(capture=False)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Where the checkpoints of that home lie."""
    return tmp_path / "home/wan-studio/models"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where that database lies."""
    return tmp_path / "jobs.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{path}")
    await database.open()
    yield database
    await database.close()
