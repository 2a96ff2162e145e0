"""Directories that are ours, somebody else's, newer, damaged, in use, or not writable."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.filesystem.data_directory import FORMAT, DataDirectory
from domain.errors import DataDirectoryLocked, DataDirectoryUnusable, StorageError


def test_a_new_directory_is_made_and_found_again(tmp_path: Path) -> None:
    DataDirectory(tmp_path / "deep" / "data").prepare()
    again = DataDirectory(tmp_path / "deep" / "data")

    again.prepare()

    assert again.staging.is_dir()
    assert again.outputs.is_dir()


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        ({"product": "wan-studio", "format": FORMAT + 1}, "newer Wan Studio"),
        ({"product": "another", "format": 1}, "belongs to 'another'"),
        ({"format": 1}, "damaged"),
        ([], "damaged"),
    ],
)
def test_a_mark_that_is_not_ours_is_refused(mark: object, words: str, tmp_path: Path) -> None:
    (tmp_path / "wan-studio.json").write_text(json.dumps(mark))

    with pytest.raises(DataDirectoryUnusable, match=words):
        DataDirectory(tmp_path).prepare()


def test_strangers_files_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"a memory")

    with pytest.raises(DataDirectoryUnusable, match=r"photo\.jpg"):
        DataDirectory(tmp_path).prepare()
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


@pytest.mark.parametrize("place", ["/dev/null/data", "/proc/data"])
def test_a_place_that_cannot_be_written_is_told_with_a_way_out(place: str) -> None:
    with pytest.raises(DataDirectoryUnusable, match="--data-dir"):
        DataDirectory(Path(place)).prepare()


def test_a_place_that_never_could_be_one_is_told_without_trying() -> None:
    # `wan doctor` found nothing wrong with it.
    with pytest.raises(DataDirectoryUnusable, match=r"/dev/null is no folder\..*--data-dir"):
        DataDirectory(Path("/dev/null/data")).check()


def test_one_that_is_to_be_read_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    for name in ("nothing", "file", "empty"):
        with pytest.raises(DataDirectoryUnusable, match="There is no data directory at"):
            DataDirectory(tmp_path / name).find()

    directory = DataDirectory(tmp_path / "data")
    directory.prepare()
    directory.find()


def test_another_process_keeps_us_out_until_it_ends(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "data")
    directory.prepare()
    code = (
        "import sys; from pathlib import Path;"
        "from adapters.filesystem.data_directory import DataDirectory;"
        f"DataDirectory(Path({str(directory.root)!r})).lock(); print('held', flush=True);"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()

        with pytest.raises(DataDirectoryLocked, match=f"process {holder.pid}"):
            directory.lock()
        holder.kill()
    directory.lock()
    directory.unlock()
    directory.unlock()


def test_the_way_out_is_told_once(tmp_path: Path) -> None:
    # A foreign directory was told with the hint for an unwritable one behind its own.
    (tmp_path / "photo.jpg").write_bytes(b"a memory")

    with pytest.raises(DataDirectoryUnusable) as caught:
        DataDirectory(tmp_path).prepare()

    assert caught.value.message.count("WAN_DATA_DIR") == 1


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"product": "wan-studio"}'])
def test_a_mark_that_does_not_read_is_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "wan-studio.json").write_bytes(content)

    with pytest.raises(DataDirectoryUnusable, match="damaged"):
        DataDirectory(tmp_path).prepare()


def test_a_lock_that_cannot_be_opened_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()

    with pytest.raises(StorageError, match="Cannot lock"):
        DataDirectory(tmp_path).lock()


def test_two_servers_in_one_process_keep_each_other_out_too(tmp_path: Path) -> None:
    first, second = DataDirectory(tmp_path), DataDirectory(tmp_path)
    first.lock()

    with pytest.raises(DataDirectoryLocked):
        second.lock()

    first.unlock()
    second.lock()
    second.unlock()


def test_a_backup_leaves_folders_of_others_alone(tmp_path: Path) -> None:
    # It removed, unasked, whatever was called like the folder it worked in: a stranger's files, or
    # those of another backup that was under way.
    source, theirs = DataDirectory(tmp_path / "data"), tmp_path / "copy.partial"
    source.prepare()
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("years of work")

    with source.copying_to(tmp_path / "copy"):
        with source.copying_to(tmp_path / "other") as second:
            second.take_files_from(source, set())
        with pytest.raises(ZeroDivisionError), source.copying_to(tmp_path / "copy"):
            raise ZeroDivisionError

    assert (theirs / "thesis.txt").read_text() == "years of work"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "copy", "copy.partial", "data", "other",
    ]  # fmt: skip
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == stat.S_IMODE(
        source.root.stat().st_mode
    )


def test_a_backup_copies_files_and_passes_over_the_rest(tmp_path: Path) -> None:
    # On a disk of their own the videos lie beside a lost+found, and no backup was ever made.
    source = DataDirectory(tmp_path / "data")
    source.prepare()
    (source.outputs / "lost+found").mkdir()
    (source.outputs / "link.mp4").symlink_to("/etc/passwd")
    os.mkfifo(source.outputs / "pipe")
    for name in ("gen_1", "gen_2"):
        (source.outputs / f"{name}.mp4").write_bytes(b"frames")

    with source.copying_to(tmp_path / "copy") as partial:
        sizes = partial.take_files_from(source, {"gen_1", "link", "pipe"})

    assert sizes == [6]
    assert [path.name for path in (tmp_path / "copy" / "outputs").iterdir()] == ["gen_1.mp4"]
