"""The contract of `ArtifactStore`, on every adapter."""

import hashlib
from pathlib import Path

import pytest

from adapters.filesystem.artifact_store import FilesystemArtifactStore
from domain.errors import OutputMissing
from domain.ports.artifact_store import ArtifactStore
from tests.fakes.artifact_store import FakeArtifactStore

CONTENT = b"a video"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(params=["filesystem", "fake"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    if request.param == "fake":
        return FakeArtifactStore(tmp_path)
    return FilesystemArtifactStore(staging=tmp_path / "staging", outputs=tmp_path / "outputs")


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


def test_a_published_video_is_examined_as_it_lies_there(store: ArtifactStore) -> None:
    staged(store)
    store.publish("gen_1", 1, sha256=SHA256).write_bytes(b"a Video")

    examined = store.examine("gen_1")

    assert examined.size_bytes == len(CONTENT)
    assert examined.sha256 == hashlib.sha256(b"a Video").hexdigest()


def test_what_was_never_published_cannot_be_examined(store: ArtifactStore) -> None:
    staged(store)

    with pytest.raises(OutputMissing):
        store.examine("gen_1")


def test_a_survey_tells_published_and_staged_jobs_and_leaves_strangers(
    store: ArtifactStore, tmp_path: Path
) -> None:
    published = staged(store)
    store.publish("gen_1", 1, sha256=SHA256)
    for fence in (1, 2):
        store.stage("gen_2", fence).write_bytes(CONTENT)
    stranger = published.parent / "holiday.mov"
    stranger.write_bytes(b"precious")

    survey = store.survey()

    assert list(survey.published) == ["gen_1"]
    assert list(survey.staged) == ["gen_2"]
    assert list(survey.strangers) == ["holiday.mov"]
    assert stranger.read_bytes() == b"precious"


def test_an_empty_store_has_nothing_to_survey(store: ArtifactStore) -> None:
    survey = store.survey()

    assert not [*survey.published, *survey.staged, *survey.strangers]
