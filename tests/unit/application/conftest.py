"""The fakes that use cases run on; nothing here waits for real time or touches more than a folder."""

from pathlib import Path

import pytest

from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.clock import FakeClock
from tests.fakes.jobs import InMemoryJobs


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def jobs() -> InMemoryJobs:
    return InMemoryJobs()


@pytest.fixture
def store(tmp_path: Path) -> FakeArtifactStore:
    return FakeArtifactStore(tmp_path)
