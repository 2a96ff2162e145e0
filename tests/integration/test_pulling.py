"""`wan models pull`, `repair` and `remove` against a hub on loopback that misbehaves."""

import fcntl
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.cli.app import build_app, run
from adapters.filesystem.data_directory import DataDirectory
from bootstrap.cli import Commands
from domain.repository import REPOSITORIES, is_taken
from tests.fakes.hub_server import HubServer
from tests.fakes.model_hub import COMMIT
from tests.integration.weights import write_t2v, write_ti2v

A14B = "t2v-A14B"
WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"


def files_of(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a pull takes of the repository."""
    files = files_of(write_t2v(tmp_path_factory.mktemp("hub") / "t2v"))
    return {name: content for name, content in files.items() if is_taken(name)}


@pytest.fixture
def hub(theirs: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """One whose T2V-A14B is half a megabyte of the same form, beside files nobody needs."""
    others = {"README.md": b"#", "transformer/pytorch_model.bin": b"pickle", "run.py": b"boom()"}
    with HubServer({REPOSITORIES[A14B]: {**theirs, **others}}).running() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


@pytest.fixture(autouse=True)
def room_enough(settled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An own home, on a disk that is never too full."""
    monkeypatch.setenv("WAN_DISK__SOFT_MIB", "1")
    monkeypatch.setenv("WAN_DISK__HARD_MIB", "1")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "home/wan-studio/models" / A14B


def wan(*arguments: str) -> int:
    return run(build_app(Commands()), ["models", *arguments])


def on_disk(place: Path) -> dict[str, bytes]:
    paths = (path for path in place.rglob("*") if path.is_file())
    found = {path.relative_to(place).as_posix(): path.read_bytes() for path in paths}
    found.pop("manifest.json")
    return found


def test_a_checkpoint_is_pulled_listed_verified_and_removed(
    hub: HubServer, theirs: dict[str, bytes], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wan("pull", A14B) == 0
    assert on_disk(place) == theirs

    assert wan("list", "--json") == 0
    told = capsys.readouterr().out
    listed = {model["id"]: model for model in json.loads(told[told.index("[") :])}[A14B]
    assert (listed["state"], listed["origin"]) == ("ready", "pulled")
    assert listed["source"] == f"{REPOSITORIES[A14B]} at {COMMIT[:12]}"
    assert listed["unfinished"] is None

    assert wan("verify", A14B) == 0
    assert wan("remove", A14B, "--yes") == 0
    assert not place.exists()
    assert "freed" in capsys.readouterr().out


def test_a_server_can_use_the_directory_that_a_pull_has_made(hub: HubServer, place: Path) -> None:
    # A pull into a new data directory left models/ in it and no mark, and no server would have it.
    assert wan("pull", A14B) == 0

    DataDirectory(place.parent.parent).prepare()


def test_programs_are_told_in_json(
    hub: HubServer, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*arguments: str) -> dict[str, object]:
        assert wan(*arguments, A14B, "--json") == 0
        return dict(json.loads(capsys.readouterr().out))

    assert told("pull")["state"] == "ready"
    assert told("pull")["state"] == "is here already"
    (place / "vae/config.json").unlink()
    fault = {"name": "vae/config.json", "fault": "missing", "detail": ""}
    assert told("repair") == {"id": A14B, "mended": [fault]}
    assert told("verify")["faults"] == []
    assert told("remove", "--yes")["left"] == []


def test_a_hundred_cuts_cost_nothing_but_time(
    hub: HubServer, theirs: dict[str, bytes], place: Path
) -> None:
    chance = random.Random(5)
    for _ in range(100):
        name, content = chance.choice(list(theirs.items()))
        hub.cuts.setdefault(name, []).append(1 + chance.randrange(max(1, len(content) // 10)))

    assert wan("pull", A14B) == 0

    assert sum(map(len, hub.cuts.values())) < 30, "most of the cuts were met"
    assert on_disk(place) == theirs


def test_a_killed_pull_goes_on_where_it_was(
    hub: HubServer, theirs: dict[str, bytes], place: Path
) -> None:
    hub.bytes_per_s = 400_000
    program = "from bootstrap.cli import main; main()"
    pulling = subprocess.Popen(
        [sys.executable, "-c", program, "models", "pull", A14B], stderr=subprocess.DEVNULL
    )
    staging = place.parent / ".staging" / A14B
    deadline = time.monotonic() + 20
    while received(staging) < 60_000 and time.monotonic() < deadline:
        time.sleep(0.02)
    pulling.send_signal(signal.SIGKILL)
    pulling.wait()
    assert not place.exists()
    before = received(staging)
    assert 0 < before < sum(map(len, theirs.values()))

    hub.bytes_per_s = 0
    hub.requests.clear()
    assert wan("pull", A14B) == 0

    assert on_disk(place) == theirs
    ranges = [asked for path, asked in hub.requests if asked]
    assert ranges, "it went on in the middle of a file"
    assert not [path for path, _ in hub.requests if path.startswith("/api/")], "it kept its commit"


def received(staging: Path) -> int:
    """Bytes of files that a pull in another process has brought; they move while they are counted."""
    sizes = []
    for path in staging.rglob("*"):
        try:
            sizes.append(path.stat().st_size if path.is_file() and "json" not in path.name else 0)
        except FileNotFoundError:
            continue
    return sum(sizes)


def test_a_cut_pull_is_shown_and_can_be_dropped(
    hub: HubServer, theirs: dict[str, bytes], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.repositories[REPOSITORIES[A14B]] = {**theirs, WEIGHTS: b"short"}
    assert wan("pull", A14B) == 3  # whole by its hashes, and no Wan checkpoint
    capsys.readouterr()

    assert wan("list") == 0
    assert "unfinished" in capsys.readouterr().out
    assert wan("remove", A14B, "--yes") == 0
    assert not (place.parent / ".staging" / A14B).exists()


def test_s09_s10_a_wrong_byte_is_never_ready(
    hub: HubServer, theirs: dict[str, bytes], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.wrong = {WEIGHTS: 2}

    assert wan("pull", A14B) == 1

    assert f"{WEIGHTS}: changed" in capsys.readouterr().err
    assert not place.exists()
    assert wan("pull", A14B) == 0
    assert on_disk(place) == theirs


def test_another_checkpoint_in_the_repository_is_never_ready(
    hub: HubServer, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.repositories[REPOSITORIES[A14B]] = files_of(write_ti2v(tmp_path / "ti2v"))

    assert wan("pull", A14B) == 3

    assert "is not a t2v-A14B: that has two experts" in capsys.readouterr().err
    assert not place.exists()


def test_files_come_over_a_cdn(hub: HubServer, theirs: dict[str, bytes], place: Path) -> None:
    hub.redirects = True
    hub.cuts = {WEIGHTS: [5000]}

    assert wan("pull", A14B) == 0
    assert on_disk(place) == theirs


def test_no_room_is_told_with_numbers(
    hub: HubServer,
    theirs: dict[str, bytes],
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WAN_DISK__SOFT_MIB", str(2**40))

    assert wan("pull", A14B) == 1

    told = capsys.readouterr().err
    assert REPOSITORIES[A14B] in told
    assert "GiB are free" in told
    assert not any("/resolve/" in path for path, _ in hub.requests)


def test_no_network_is_told_with_the_address(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WAN_HUB__ENDPOINT", "http://127.0.0.1:9")

    assert wan("pull", A14B) == 1
    assert "http://127.0.0.1:9 cannot be reached" in capsys.readouterr().err


def test_what_is_wrong_is_mended_and_nothing_else_is_fetched(
    hub: HubServer, theirs: dict[str, bytes], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wan("pull", A14B)
    hub.requests.clear()
    path = place / WEIGHTS
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)
    (place / "vae/config.json").unlink()

    assert wan("verify", A14B) == 3
    told = capsys.readouterr().out
    assert f"{WEIGHTS}: changed" in told
    assert "vae/config.json: missing" in told
    assert "wan models repair t2v-A14B" in told
    hub.cuts = {WEIGHTS: [5000]}
    assert wan("repair", A14B) == 0

    assert on_disk(place) == theirs
    fetched = {path.partition(f"/resolve/{COMMIT}/")[2] for path, _ in hub.requests}
    assert fetched == {WEIGHTS, "vae/config.json"}
    assert wan("verify", A14B) == 0


def test_two_processes_do_not_pull_the_same(
    hub: HubServer, theirs: dict[str, bytes], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    DataDirectory(place.parent.parent).prepare()
    lock = place.parent / ".staging" / f"{A14B}.lock"
    lock.parent.mkdir()
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        assert wan("pull", A14B) == 1
    finally:
        os.close(descriptor)

    assert "being worked on already" in capsys.readouterr().err


def test_removing_asks_with_numbers(
    hub: HubServer,
    theirs: dict[str, bytes],
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wan("pull", A14B)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))

    assert wan("remove", A14B) == 1

    told = capsys.readouterr()
    assert "KiB?" in told.out + told.err
    assert on_disk(place) == theirs


@pytest.mark.parametrize("checkpoint", ["mini", "mini-ti2v"])
def test_what_ships_is_neither_removed_nor_pulled(
    checkpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wan("remove", checkpoint, "--yes") == 2
    assert wan("pull", checkpoint) == 2
    assert wan("verify", checkpoint) == 0
    assert "ships with Wan Studio" in capsys.readouterr().err
