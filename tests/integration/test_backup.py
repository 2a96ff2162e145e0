"""A backup of a library that its owner tidies meanwhile."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from adapters.filesystem.artifact_store import FilesystemArtifactStore
from adapters.filesystem.data_directory import DataDirectory
from adapters.filesystem.excerpt_store import FilesystemExcerptStore
from adapters.sql.database import Database
from adapters.sql.job_repository import SqlJobRepository
from adapters.sql.library import SqlLibrary
from application.tidy_library import TidyLibrary
from bootstrap.audit import audit
from bootstrap.backup import back_up
from bootstrap.settings import Settings, load_settings
from domain.library import OutputState
from tests.fakes.clock import FakeClock
from tests.fakes.examples import NOON, a_job, a_video


class Studio:
    """A data directory in use."""

    def __init__(self, root: Path) -> None:
        self.directory = DataDirectory(root)
        self.directory.prepare()
        self.database = Database(self.settings.database_url)
        self.repository = SqlJobRepository(self.database)
        self.library = SqlLibrary(self.database)
        self.store = FilesystemArtifactStore(
            staging=self.directory.staging, outputs=self.directory.outputs
        )
        self.tidy = TidyLibrary(
            self.library,
            self.store,
            FilesystemExcerptStore(self.directory.excerpts),
            FakeClock(),
            trash_days=0,
            keep_days=None,
        )

    @property
    def settings(self) -> Settings:
        return load_settings(overrides={"data_dir": str(self.directory.root)}, environment={})

    async def publish(self, job_id: str) -> None:
        job, content = a_job(job_id), job_id.encode()
        sha256 = hashlib.sha256(content).hexdigest()
        job.claim(at=NOON)
        job.begin_publishing(a_video(sha256=sha256, size_bytes=len(content)), fence=1, at=NOON)
        job.complete(fence=1, at=NOON)
        self.store.stage(job_id, 1).write_bytes(content)
        self.store.publish(job_id, 1, sha256=sha256)
        await self.repository.add(job)

    async def delete(self, job_id: str) -> None:
        await self.library.update(job_id, lambda entry: entry.delete_video(at=NOON))

    async def remove(self, job_id: str) -> None:
        await self.delete(job_id)
        await self.tidy.remove(job_id)

    async def state(self, job_id: str) -> OutputState:
        return (await self.library.get(job_id)).state


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    studio = Studio(tmp_path / "data")
    await studio.database.open()
    for number in range(1, 7):
        await studio.publish(f"gen_{number}")
    yield studio
    await studio.database.close()


Backup = Callable[[Callable[[], Awaitable[None]]], Awaitable[Studio]]


@pytest.fixture
def back_up_while(studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backup:
    """Does what it is told once the database is copied and before any file is. Gives the copy."""

    async def backed_up(meanwhile: Callable[[], Awaitable[None]]) -> Studio:
        loop, copy2 = asyncio.get_running_loop(), shutil.copy2

        def after_it(source: Path, target: Path) -> Path:
            if source == studio.directory.keys:
                asyncio.run_coroutine_threadsafe(meanwhile(), loop).result(30)
            return Path(copy2(source, target))

        studio.directory.keys.write_text("{}")
        monkeypatch.setattr(shutil, "copy2", after_it)
        await asyncio.to_thread(back_up, studio.settings, tmp_path / "copy")
        assert sorted(path.name for path in (tmp_path / "copy").glob("jobs.db*")) == ["jobs.db"]
        return Studio(tmp_path / "copy")

    return backed_up


async def test_what_is_removed_meanwhile_is_going_in_the_copy(
    studio: Studio, back_up_while: Backup
) -> None:
    await studio.delete("gen_2")

    async def meanwhile() -> None:
        await studio.remove("gen_1")  # it was kept as the copy began
        await studio.tidy.remove("gen_2")
        await studio.delete("gen_3")
        await studio.library.update("gen_3", lambda entry: entry.begin_removal(at=NOON))
        await studio.publish("gen_7")

    copy = await back_up_while(meanwhile)

    findings, _ = await audit(copy.settings)
    assert findings == []
    await copy.database.open()
    states = [await copy.state(f"gen_{number}") for number in range(1, 5)]
    assert states == ["removing", "removing", "kept", "kept"]
    await copy.tidy.execute()
    assert await copy.state("gen_1") == await copy.state("gen_2") == OutputState.REMOVED
    await copy.database.close()


async def test_what_is_lost_is_not_said_to_be_removed(
    studio: Studio, back_up_while: Backup
) -> None:
    async def meanwhile() -> None:
        studio.store.locate("gen_1").unlink()

    copy = await back_up_while(meanwhile)

    findings, _ = await audit(copy.settings)
    assert [(found.invariant, found.subject) for found in findings] == [("I5", "gen_1")]
