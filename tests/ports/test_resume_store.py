"""The contract of `ResumeStore`, on every adapter, and what only files can suffer."""

import errno
import os
from pathlib import Path

import pytest

from adapters.filesystem.resume_store import FilesystemResumeStore
from domain.errors import DiskFull, ResumePointDamaged, StorageError
from domain.ports.resume_store import ResumeStore
from tests.fakes.resume_store import FakeResumeStore

STATE = bytes(range(256)) * 40
OTHER = b"another\nstate\n"


@pytest.fixture(params=["filesystem", "fake"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ResumeStore:
    return FakeResumeStore() if request.param == "fake" else FilesystemResumeStore(tmp_path)


def test_what_was_kept_is_read_byte_for_byte(store: ResumeStore) -> None:
    store.keep("gen_1", 1, STATE)

    assert store.read("gen_1") == STATE


def test_a_job_without_a_resume_point_has_none(store: ResumeStore) -> None:
    store.keep("gen_11", 1, STATE)

    assert store.read("gen_1") is None


@pytest.mark.parametrize("state", [b"", b"\n", b"\r\n\0"])
def test_every_state_is_one(state: bytes, store: ResumeStore) -> None:
    store.keep("gen_1", 1, state)

    assert store.read("gen_1") == state


@pytest.mark.parametrize("fence", [1, 2, 10])
def test_the_latest_takes_the_place_of_the_former(fence: int, store: ResumeStore) -> None:
    store.keep("gen_1", 1, STATE)

    store.keep("gen_1", fence, OTHER)

    assert store.read("gen_1") == OTHER


@pytest.mark.parametrize(("older", "newer"), [(1, 2), (9, 10)])
def test_an_older_attempt_changes_nothing(older: int, newer: int, store: ResumeStore) -> None:
    store.keep("gen_1", newer, STATE)

    store.keep("gen_1", older, OTHER)

    assert store.read("gen_1") == STATE


def test_discarding_leaves_other_jobs_alone(store: ResumeStore) -> None:
    store.keep("gen_1", 1, STATE)
    store.keep("gen_11", 1, OTHER)

    store.discard("gen_1")
    store.discard("gen_1")

    assert store.read("gen_1") is None
    assert store.read("gen_11") == OTHER


def test_a_job_may_begin_again_after_a_discard(store: ResumeStore) -> None:
    store.keep("gen_1", 5, STATE)
    store.discard("gen_1")

    store.keep("gen_1", 1, OTHER)

    assert store.read("gen_1") == OTHER


def test_the_fake_is_damaged_when_told() -> None:
    store = FakeResumeStore()
    store.keep("gen_1", 1, STATE)

    store.damage("gen_1")

    with pytest.raises(ResumePointDamaged):
        store.read("gen_1")


def test_the_jobs_that_have_a_point_are_told(store: ResumeStore) -> None:
    assert list(store.job_ids()) == []

    for job_id in ("gen_2", "gen_1"):
        store.keep(job_id, 1, STATE)
    store.discard("gen_3")

    assert list(store.job_ids()) == ["gen_1", "gen_2"]


class TestFiles:
    @pytest.fixture
    def store(self, tmp_path: Path) -> FilesystemResumeStore:
        return FilesystemResumeStore(tmp_path / "resume")

    @pytest.mark.parametrize("position", [0, 10, 40, 90, 1000, -1])
    def test_a_flipped_bit_is_noticed(
        self, position: int, store: FilesystemResumeStore, tmp_path: Path
    ) -> None:
        store.keep("gen_1", 1, STATE)
        (file,) = (tmp_path / "resume").iterdir()
        content = bytearray(file.read_bytes())
        content[position] ^= 1
        file.write_bytes(content)

        with pytest.raises(ResumePointDamaged):
            store.read("gen_1")

    @pytest.mark.parametrize("length", [0, 5, 84, 85, 5000])
    def test_a_file_cut_short_is_noticed(
        self, length: int, store: FilesystemResumeStore, tmp_path: Path
    ) -> None:
        store.keep("gen_1", 1, STATE)
        (file,) = (tmp_path / "resume").iterdir()
        os.truncate(file, length)

        with pytest.raises(ResumePointDamaged):
            store.read("gen_1")

    def test_one_file_is_left_of_many_saves(
        self, store: FilesystemResumeStore, tmp_path: Path
    ) -> None:
        for fence in (1, 1, 2, 3):
            store.keep("gen_1", fence, STATE)

        assert [path.name for path in (tmp_path / "resume").iterdir()] == ["gen_1.3.resume"]

    def test_a_crash_while_writing_leaves_the_former(
        self, store: FilesystemResumeStore, tmp_path: Path
    ) -> None:
        store.keep("gen_1", 1, STATE)
        (tmp_path / "resume" / "gen_1.2.resume.part").write_bytes(b"half a sta")

        assert store.read("gen_1") == STATE
        store.discard("gen_1")
        assert list((tmp_path / "resume").iterdir()) == []

    def test_a_crash_before_the_former_was_removed_leaves_the_latest(
        self, store: FilesystemResumeStore, tmp_path: Path
    ) -> None:
        store.keep("gen_1", 9, STATE)
        former = (tmp_path / "resume" / "gen_1.9.resume").read_bytes()
        store.keep("gen_1", 10, OTHER)
        (tmp_path / "resume" / "gen_1.9.resume").write_bytes(former)

        assert store.read("gen_1") == OTHER

    def test_a_full_disk_is_told_and_leaves_the_former(
        self, store: FilesystemResumeStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        store.keep("gen_1", 1, STATE)

        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(DiskFull):
            store.keep("gen_1", 1, OTHER)

        assert store.read("gen_1") == STATE
        assert [path.name for path in (tmp_path / "resume").iterdir()] == ["gen_1.1.resume"]

    def test_a_strangers_file_is_left_alone(
        self, store: FilesystemResumeStore, tmp_path: Path
    ) -> None:
        store.keep("gen_1", 1, STATE)
        (tmp_path / "resume" / "gen_1.old.resume").write_bytes(b"")

        store.keep("gen_1", 2, OTHER)

        assert store.read("gen_1") == OTHER
        assert (tmp_path / "resume" / "gen_1.old.resume").exists()

    def test_a_name_that_would_leave_the_folder_is_refused(
        self, store: FilesystemResumeStore
    ) -> None:
        with pytest.raises(StorageError, match="cannot name a file"):
            store.keep("../gen_1", 1, STATE)

    def test_a_folder_that_cannot_be_made_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")

        with pytest.raises(StorageError):
            FilesystemResumeStore(tmp_path / "file").keep("gen_1", 1, STATE)
