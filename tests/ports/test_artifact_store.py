"""The contract of `ArtifactStore`, on every adapter."""

import hashlib
from pathlib import Path

import pytest

from adapters.filesystem.artifact_store import FilesystemArtifactStore
from domain.errors import OutputMissing, UnknownImage
from domain.ports.artifact_store import ArtifactStore
from tests.fakes.artifact_store import FakeArtifactStore

CONTENT = b"a video"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(params=["filesystem", "fake"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    if request.param == "fake":
        return FakeArtifactStore(tmp_path)
    return FilesystemArtifactStore(
        staging=tmp_path / "staging", outputs=tmp_path / "outputs", inputs=tmp_path / "inputs"
    )


def staged(store: ArtifactStore, fence: int = 1, content: bytes = CONTENT) -> Path:
    path = store.stage("gen_1", fence)
    path.write_bytes(content)
    return path


def test_sealing_tells_the_hash_and_the_size(store: ArtifactStore) -> None:
    sealed = store.seal(staged(store))

    assert (sealed.sha256, sealed.size_bytes) == (SHA256, len(CONTENT))


def test_a_published_file_is_found_and_no_longer_staged(store: ArtifactStore) -> None:
    path = staged(store)

    published = store.publish("gen_1", 1, sha256=SHA256)

    assert store.locate("gen_1") == published
    assert published.read_bytes() == CONTENT
    assert not path.exists()


def test_publishing_again_does_nothing(store: ArtifactStore) -> None:
    staged(store)
    first = store.publish("gen_1", 1, sha256=SHA256)

    assert store.publish("gen_1", 1, sha256=SHA256) == first


def test_a_file_that_is_not_what_was_sealed_is_not_published(store: ArtifactStore) -> None:
    staged(store, content=b"torn")

    with pytest.raises(OutputMissing):
        store.publish("gen_1", 1, sha256=SHA256)
    with pytest.raises(OutputMissing):
        store.locate("gen_1")


def test_staging_again_begins_with_nothing(store: ArtifactStore) -> None:
    staged(store)

    assert not store.stage("gen_1", 1).exists()


def test_attempts_do_not_share_a_file(store: ArtifactStore) -> None:
    assert store.stage("gen_1", 1) != store.stage("gen_1", 2)


def test_discarding_removes_what_was_staged_and_nothing_published(store: ArtifactStore) -> None:
    staged(store)
    published = store.publish("gen_1", 1, sha256=SHA256)
    old, new = staged(store, 2), staged(store, 3)

    store.discard("gen_1", fence=2)
    assert (published.exists(), old.exists(), new.exists()) == (True, False, True)

    store.discard("gen_1")
    assert (published.exists(), new.exists()) == (True, False)


def test_discarding_nothing_is_fine(store: ArtifactStore) -> None:
    store.discard("gen_unknown")


def test_an_unknown_job_has_no_video(store: ArtifactStore) -> None:
    with pytest.raises(OutputMissing):
        store.locate("gen_unknown")


def test_a_newer_attempts_file_takes_the_place_of_an_older_ones(store: ArtifactStore) -> None:
    staged(store)
    store.publish("gen_1", 1, sha256=SHA256)
    newer = store.seal(staged(store, 2, b"another video"))

    store.publish("gen_1", 2, sha256=newer.sha256)

    assert store.locate("gen_1").read_bytes() == b"another video"


def test_discarding_leaves_other_jobs_alone(store: ArtifactStore) -> None:
    other = store.stage("gen_11", 1)
    other.write_bytes(CONTENT)

    store.discard("gen_1")

    assert other.exists()


def test_an_image_is_kept_under_its_content(store: ArtifactStore) -> None:
    first, again, other = (store.keep_image(png) for png in (b"a", b"a", b"b"))

    assert first == again != other
    assert store.locate_image(first).read_bytes() == b"a"


@pytest.mark.parametrize("image_id", ["img_0", "", "../outputs/gen_1", "img_0/../x", "img\0"])
def test_an_image_nobody_kept_is_unknown(image_id: str, store: ArtifactStore) -> None:
    if "/" in image_id and isinstance(store, FakeArtifactStore):
        pytest.skip("the fake trusts its callers")
    with pytest.raises((UnknownImage, ValueError)):
        store.locate_image(image_id)
