"""What only images as files can show: nothing of one that could not be kept stays behind."""

import errno
import os
from pathlib import Path

import pytest

from adapters.filesystem import image_store
from adapters.filesystem.image_store import FilesystemImageStore
from domain.errors import DiskFull, StorageError


@pytest.mark.parametrize("call", ["fsync_file", "fsync_directory"])
def test_an_image_that_could_not_be_kept_leaves_no_part_of_it(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each upload onto a full disk left a file behind, and made it fuller.
    def refuse(_path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as failing:
        failing.setattr(image_store, call, refuse)
        with pytest.raises(DiskFull):
            FilesystemImageStore(tmp_path).keep(b"png")

    assert not list(tmp_path.glob("*.part"))
    image = FilesystemImageStore(tmp_path).keep(b"png")
    assert FilesystemImageStore(tmp_path).locate(image).read_bytes() == b"png"


def test_an_image_whose_name_did_not_reach_the_disk_is_made_durable_when_it_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It was there, so nothing was done, and it was acknowledged: a power cut could still take it.
    folders: list[Path] = []

    def refuse_once(path: Path) -> None:
        folders.append(path)
        if len(folders) == 1:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(image_store, "fsync_directory", refuse_once)
    with pytest.raises(StorageError):
        FilesystemImageStore(tmp_path).keep(b"png")

    FilesystemImageStore(tmp_path).keep(b"png")

    assert folders == [tmp_path, tmp_path]


def test_what_a_dead_server_began_is_swept_away_and_nothing_else(tmp_path: Path) -> None:
    images = FilesystemImageStore(tmp_path)
    kept = images.keep(b"png")
    (tmp_path / f"{kept}.0a1b2c3d.part").write_bytes(b"pn")
    images.stage_clip()
    (tmp_path / "notes.part").write_text("a stranger's")

    images.sweep()

    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{kept}.png", "notes.part"]
