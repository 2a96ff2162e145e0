"""What every ArtifactStore does."""

import hashlib
from pathlib import Path

import pytest

from adapters.filesystem.artifact_store import FilesystemArtifactStore
from domain.errors import OutputMissing, StorageError
from domain.ports.artifact_store import ArtifactStore
from tests.fakes.artifact_store import FakeArtifactStore

JOB = "gen_1"


@pytest.fixture(params=["filesystem", "fake"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    if request.param == "fake":
        return FakeArtifactStore(tmp_path)
    return FilesystemArtifactStore(staging=tmp_path / "staging", outputs=tmp_path / "outputs")


def staged(
    store: ArtifactStore, content: bytes = b"video", *, job_id: str = JOB, fence: int = 1
) -> str:
    """Stage and seal `content`. Returns its hash."""
    path = store.stage(job_id, fence)
    path.write_bytes(content)
    return store.seal(path).sha256


def test_a_sealed_file_is_known_by_size_and_hash(store: ArtifactStore) -> None:
    path = store.stage(JOB, 1)
    path.write_bytes(b"abc")

    sealed = store.seal(path)

    assert sealed.size_bytes == 3
    assert sealed.sha256 == hashlib.sha256(b"abc").hexdigest()


def test_staging_again_clears_what_an_earlier_try_left(store: ArtifactStore) -> None:
    store.stage(JOB, 1).write_bytes(b"half a vid")

    again = store.stage(JOB, 1)

    assert not again.exists()
    assert again.parent.is_dir()


def test_attempts_do_not_share_a_file(store: ArtifactStore) -> None:
    assert len({store.stage(JOB, 1), store.stage(JOB, 2), store.stage("gen_2", 1)}) == 3


def test_a_staged_file_is_not_visible(store: ArtifactStore) -> None:
    staged(store)

    with pytest.raises(OutputMissing):
        store.locate(JOB)


def test_a_published_file_is_found_whole(store: ArtifactStore) -> None:
    published = store.publish(JOB, 1, sha256=staged(store, b"the frames"))

    assert store.locate(JOB) == published
    assert published.read_bytes() == b"the frames"


def test_publishing_again_changes_nothing(store: ArtifactStore) -> None:
    sha256 = staged(store)
    first = store.publish(JOB, 1, sha256=sha256)

    again = store.publish(JOB, 1, sha256=sha256)

    assert again == first
    assert again.read_bytes() == b"video"


def test_only_the_file_with_that_hash_is_published(store: ArtifactStore) -> None:
    sha256 = staged(store, b"one")
    staged(store, b"another")

    with pytest.raises(OutputMissing):
        store.publish(JOB, 1, sha256=sha256)

    with pytest.raises(OutputMissing):
        store.locate(JOB)


def test_publishing_what_was_never_staged_is_an_error(store: ArtifactStore) -> None:
    with pytest.raises(OutputMissing):
        store.publish(JOB, 1, sha256="ab" * 32)


def test_a_newer_attempts_file_takes_the_place_of_an_older_ones(store: ArtifactStore) -> None:
    store.publish(JOB, 1, sha256=staged(store, b"older"))

    store.publish(JOB, 2, sha256=staged(store, b"newer", fence=2))

    assert store.locate(JOB).read_bytes() == b"newer"


def test_discarding_removes_every_attempts_file_and_no_published_one(store: ArtifactStore) -> None:
    store.publish(JOB, 1, sha256=staged(store))
    left = [store.stage(JOB, fence) for fence in (2, 3)]
    for path in left:
        path.write_bytes(b"left")

    store.discard(JOB)

    assert not any(path.exists() for path in left)
    assert store.locate(JOB).read_bytes() == b"video"


def test_discarding_keeps_the_attempt_it_is_told_to(store: ArtifactStore) -> None:
    older, kept = store.stage(JOB, 1), store.stage(JOB, 2)
    for path in (older, kept):
        path.write_bytes(b"x")

    store.discard(JOB, keep_fence=2)

    assert not older.exists()
    assert kept.exists()


def test_discarding_leaves_other_jobs_alone(store: ArtifactStore) -> None:
    other = store.stage("gen_11", 1)
    other.write_bytes(b"x")

    store.discard(JOB)

    assert other.exists()


def test_discarding_nothing_is_fine(store: ArtifactStore) -> None:
    store.discard(JOB)


class TestFilesystem:
    """What only real folders can do wrong."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> FilesystemArtifactStore:
        return FilesystemArtifactStore(staging=tmp_path / "staging", outputs=tmp_path / "outputs")

    @pytest.mark.parametrize(
        "job_id", ["../secret", "a/b", "/etc/passwd", "..", "", "gen*", "gen.1", "gén", "a\0b"]
    )
    def test_an_id_never_leaves_the_folder(
        self, store: FilesystemArtifactStore, tmp_path: Path, job_id: str
    ) -> None:
        (tmp_path / "outputs").mkdir()
        (tmp_path / "secret.mp4").write_bytes(b"not yours")

        with pytest.raises(OutputMissing):
            store.locate(job_id)

    def test_a_link_among_the_videos_is_not_followed(
        self, store: FilesystemArtifactStore, tmp_path: Path
    ) -> None:
        (tmp_path / "outputs").mkdir()
        (tmp_path / "secret").write_bytes(b"not yours")
        (tmp_path / "outputs" / f"{JOB}.mp4").symlink_to(tmp_path / "secret")

        with pytest.raises(OutputMissing):
            store.locate(JOB)

    def test_a_staging_folder_that_cannot_be_made_is_a_storage_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        store = FilesystemArtifactStore(staging=tmp_path / "file" / "x", outputs=tmp_path / "o")

        with pytest.raises(StorageError, match="Not a directory"):
            store.stage(JOB, 1)

    def test_an_outputs_folder_that_cannot_be_made_leaves_the_staged_file(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_bytes(b"")
        store = FilesystemArtifactStore(staging=tmp_path / "s", outputs=tmp_path / "file" / "x")
        sha256 = staged(store)

        with pytest.raises(StorageError, match="publish"):
            store.publish(JOB, 1, sha256=sha256)

        assert [path.read_bytes() for path in (tmp_path / "s").iterdir()] == [b"video"]

    def test_sealing_a_file_that_is_gone_is_a_storage_error(
        self, store: FilesystemArtifactStore
    ) -> None:
        with pytest.raises(StorageError, match="durable"):
            store.seal(store.stage(JOB, 1))
