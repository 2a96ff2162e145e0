"""The contract of `OutputRemover`, on every adapter."""

import hashlib
from pathlib import Path

import pytest

from adapters.filesystem.artifact_store import FilesystemArtifactStore
from domain.errors import OutputMissing
from tests.fakes.artifact_store import FakeArtifactStore

CONTENT = b"a video"


@pytest.fixture(params=["filesystem", "fake"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path
) -> FilesystemArtifactStore | FakeArtifactStore:
    if request.param == "fake":
        return FakeArtifactStore(tmp_path)
    return FilesystemArtifactStore(staging=tmp_path / "staging", outputs=tmp_path / "outputs")


def publish(store: FilesystemArtifactStore | FakeArtifactStore, job_id: str) -> Path:
    store.stage(job_id, 1).write_bytes(CONTENT)
    return store.publish(job_id, 1, sha256=hashlib.sha256(CONTENT).hexdigest())


def test_a_removed_video_is_gone_and_no_other_is(
    store: FilesystemArtifactStore | FakeArtifactStore,
) -> None:
    gone, other = publish(store, "gen_1"), publish(store, "gen_2")
    staged = store.stage("gen_1", 2)
    staged.write_bytes(CONTENT)

    store.remove("gen_1")

    assert (gone.exists(), other.exists(), staged.exists()) == (False, True, True)
    with pytest.raises(OutputMissing):
        store.locate("gen_1")


def test_removing_again_or_what_never_was_does_nothing(
    store: FilesystemArtifactStore | FakeArtifactStore,
) -> None:
    store.remove("gen_1")
    publish(store, "gen_1")
    store.remove("gen_1")
    store.remove("gen_1")

    assert store.survey().published == []
