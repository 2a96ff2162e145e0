"""What only a real disk can do to a checkpoint store."""

import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import adapters.embedded
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from adapters.filesystem.checkpoint_store import FilesystemCheckpointStore
from adapters.filesystem.manifest import check_manifest, read_manifest, write_manifest
from domain.checkpoint import checkpoint_spec
from domain.checkpoint_manifest import Fault, FilesProgress, Manifest
from domain.errors import CheckpointBroken
from domain.local_checkpoint import LocalCheckpoint
from domain.store_errors import NotRemovable
from domain.stored_checkpoint import Origin
from tests.fakes.checkpoint_store import manifest_of
from tests.integration.live_server import serving

EMBEDDED = Path(adapters.embedded.__path__[0])


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.fixture
def store(models: Path) -> FilesystemCheckpointStore:
    return FilesystemCheckpointStore(models, EMBEDDED)


def unheard(_progress: FilesProgress) -> None:
    pass


def put(models: Path, *names: str) -> Path:
    """A pulled checkpoint of small files."""
    folder = models / "ti2v-5B"
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    write_manifest(folder, manifest_of("ti2v-5B", {name: name.encode() for name in names}))
    return folder


@pytest.mark.parametrize("checkpoint", ["mini", "mini-ti2v"])
def test_the_embedded_checkpoints_are_whole_by_their_own_manifests(
    store: FilesystemCheckpointStore, checkpoint: str
) -> None:
    stored = store.stored(checkpoint)

    assert stored is not None
    assert stored.origin is Origin.EMBEDDED
    assert store.verify(checkpoint, unheard) == []


def test_a_copy_that_a_user_made_is_not_ours_to_remove(
    store: FilesystemCheckpointStore, models: Path
) -> None:
    shutil.copytree(EMBEDDED / "mini", models / "mini")

    with pytest.raises(NotRemovable, match="did not put"):
        store.remove("mini")


def test_a_manifest_survives_being_written_and_read(tmp_path: Path) -> None:
    manifest = Manifest(
        checkpoint_id="ti2v-5B",
        files=manifest_of("x", {"vae/é.json": b"1"}).files,
        converted_from=("/a/high.safetensors", "/a/low.safetensors"),
    )

    write_manifest(tmp_path, manifest)

    assert read_manifest(tmp_path) == manifest


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b", "a\\b", "", "./a"])
def test_a_manifest_that_names_a_file_outside_is_damaged(tmp_path: Path, name: str) -> None:
    told = {"files": {name: {"bytes": 1, "sha256": "0"}}}
    (tmp_path / "manifest.json").write_text(json.dumps(told))

    with pytest.raises(CheckpointBroken, match="damaged"):
        read_manifest(tmp_path)


def test_removing_follows_no_link_to_the_files_of_others(
    store: FilesystemCheckpointStore, models: Path, tmp_path: Path
) -> None:
    folder = put(models, "model_index.json", "vae/config.json")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    shutil.move(folder / "vae" / "config.json", theirs / "config.json")
    (folder / "vae").rmdir()
    (folder / "vae").symlink_to(theirs, target_is_directory=True)

    removal = store.remove("ti2v-5B")

    assert (theirs / "config.json").exists()
    assert removal.left == ("vae",)


def test_a_removal_that_was_cut_can_be_done_again(
    store: FilesystemCheckpointStore, models: Path
) -> None:
    folder = put(models, "model_index.json", "vae/config.json")
    (folder / "model_index.json").unlink()

    store.remove("ti2v-5B")

    assert not folder.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_is_told(store: FilesystemCheckpointStore, models: Path) -> None:
    folder = put(models, "vae/config.json")
    (folder / "vae/config.json").chmod(0)

    assert [told.fault for told in store.verify("ti2v-5B", unheard)] == [Fault.UNREADABLE]


def test_a_large_file_is_not_hashed_on_the_way_to_a_video(models: Path, tmp_path: Path) -> None:
    # A catalog that hashed all of A14B would keep a worker from its first video for minutes.
    folder = models / "ti2v-5B"
    folder.mkdir()
    with (folder / "large").open("wb") as file:
        file.truncate(65 * 2**20)
    wrong = manifest_of("ti2v-5B", {"large": b""}).files[0]
    told = {"files": {"large": {"bytes": 65 * 2**20, "sha256": wrong.sha256}}}
    (folder / "manifest.json").write_text(json.dumps(told))

    check_manifest(folder)

    store = FilesystemCheckpointStore(models, tmp_path)
    assert [told.fault for told in store.verify("ti2v-5B", unheard)] == [Fault.CHANGED]


def test_the_last_use_is_noted_beside_the_checkpoint_and_goes_with_it(
    models: Path, store: FilesystemCheckpointStore
) -> None:
    folder = put(models, "model_index.json")
    os.utime(folder / "manifest.json", (1000, 1000))
    before = store.stored("ti2v-5B")
    catalog = FilesystemCheckpointCatalog([models])
    names = sorted(path.name for path in folder.rglob("*"))

    catalog.note_use(LocalCheckpoint(spec=checkpoint_spec("ti2v-5B"), folder=folder, components=()))

    after = store.stored("ti2v-5B")
    assert before is not None
    assert after is not None
    assert before.used_at == before.put_at == datetime.fromtimestamp(1000, UTC)
    assert before.told_use == "put there 1970-01-01, not used since"
    assert after.told_use == f"last used {after.used_at:%Y-%m-%d}"
    assert datetime.now(UTC) - after.used_at < timedelta(minutes=1)
    assert sorted(path.name for path in folder.rglob("*")) == names
    store.remove("ti2v-5B")
    assert not (models / ".used" / "ti2v-5B").exists()


def test_a_use_that_cannot_be_noted_stops_nothing(models: Path) -> None:
    folder = put(models, "model_index.json")
    (models / ".used").write_text("in the way")

    FilesystemCheckpointCatalog([models]).note_use(
        LocalCheckpoint(spec=checkpoint_spec("ti2v-5B"), folder=folder, components=())
    )


def test_a_server_that_starts_drops_what_killed_work_left(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data):
        left = data / "models/.staging/t2v-A14B.new/transformer"
        left.mkdir(parents=True)

    with serving(data):
        assert not left.parent.exists()
