"""What only a real folder of videos can do wrong."""

import errno
import os
from pathlib import Path

import pytest

from adapters.filesystem.artifact_store import FilesystemArtifactStore
from adapters.filesystem.durability import storage_errors
from domain.errors import DiskFull, OutputMissing, StorageError


@pytest.fixture
def store(tmp_path: Path) -> FilesystemArtifactStore:
    return FilesystemArtifactStore(staging=tmp_path / "staging", outputs=tmp_path / "outputs")


@pytest.fixture
def deeds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is made durable and what is renamed, in that order: a killed process cannot show it.

    The page cache outlives a process, so only the order of the calls tells what a power cut would leave.
    """
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def recording_fsync(descriptor: int) -> None:
        fsync(descriptor)
        done.append(f"fsync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")

    def recording_replace(source: Path, target: Path) -> None:
        replace(source, target)
        done.append(f"rename {Path(source).name} {Path(target).name}")

    monkeypatch.setattr(os, "fsync", recording_fsync)
    monkeypatch.setattr(os, "replace", recording_replace)
    return done


def test_a_video_is_durable_before_it_is_visible_and_its_name_after(
    store: FilesystemArtifactStore, deeds: list[str]
) -> None:
    staged = store.stage("gen_1", 3)
    staged.write_bytes(b"video")

    store.publish("gen_1", 3, sha256=store.seal(staged).sha256)

    assert deeds == [
        "fsync gen_1.3.mp4",
        "fsync staging",
        "rename gen_1.3.mp4 gen_1.mp4",
        "fsync outputs",
    ]


def test_a_video_whose_name_cannot_be_made_durable_is_not_published_and_can_be_tried_again(
    store: FilesystemArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It lay among the videos while its job was given up and waited.
    staged = store.stage("gen_1", 3)
    staged.write_bytes(b"video")
    sha256 = store.seal(staged).sha256
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", _fails)
        with pytest.raises(StorageError, match="Input/output error"):
            store.publish("gen_1", 3, sha256=sha256)
        assert store.survey().published == []

    assert store.publish("gen_1", 3, sha256=sha256).read_bytes() == b"video"


def _fails(_descriptor: int) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize(
    "job_id", ["../secret", "a/b", "/etc/passwd", "..", "", "_", "gen*", "gen.1", "gén", "a\0b"]
)
def test_an_id_never_leaves_the_folder(
    store: FilesystemArtifactStore, tmp_path: Path, job_id: str
) -> None:
    (tmp_path / "outputs").mkdir()
    (tmp_path / "secret.mp4").write_bytes(b"not yours")

    with pytest.raises(OutputMissing):
        store.locate(job_id)


def test_a_link_among_the_videos_is_not_followed(
    store: FilesystemArtifactStore, tmp_path: Path
) -> None:
    (tmp_path / "outputs").mkdir()
    (tmp_path / "secret").write_bytes(b"not yours")
    (tmp_path / "outputs" / "gen_1.mp4").symlink_to(tmp_path / "secret")

    with pytest.raises(OutputMissing):
        store.locate("gen_1")


def test_a_staging_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = FilesystemArtifactStore(staging=tmp_path / "file" / "x", outputs=tmp_path / "o")

    with pytest.raises(StorageError, match="Not a directory"):
        store.stage("gen_1", 1)


def test_an_outputs_folder_that_cannot_be_made_leaves_the_staged_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = FilesystemArtifactStore(staging=tmp_path / "s", outputs=tmp_path / "file" / "x")
    staged = store.stage("gen_1", 1)
    staged.write_bytes(b"video")
    sha256 = store.seal(staged).sha256

    with pytest.raises(StorageError, match="publish"):
        store.publish("gen_1", 1, sha256=sha256)

    assert staged.read_bytes() == b"video"


def test_sealing_a_file_that_is_gone_is_a_storage_error(store: FilesystemArtifactStore) -> None:
    with pytest.raises(StorageError, match="durable"):
        store.seal(store.stage("gen_1", 1))


def test_a_full_disk_is_told_as_one() -> None:
    with pytest.raises(DiskFull), storage_errors("keep a video"):
        Path("/dev/full").write_bytes(b"x")
