"""The disk says no in the middle of things: what was not made durable is never acknowledged.

`strace` makes chosen system calls fail; where it is missing or not allowed, these tests are skipped.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.e2e.service import WAN, NewService, Service, wait_for

#: A job that the disk failed waits a minute; the clock is set this many seconds forwards instead.
A_WHILE = 120

#: It stops a process at the calls it is to look at, and at no other.
STRACE = ("strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null")

Failing = Callable[[str], Service]


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    """The file by which the server's clock is set; see tests/e2e/jumping_clock.py."""
    offset = tmp_path / "offset"
    offset.write_text("0")
    return offset


@pytest.fixture
def failing(clock: Path, new_service: NewService) -> Failing:
    """Starts a server some of whose system calls fail, as strace's `inject` says."""
    if (
        not shutil.which("strace")
        or subprocess.run(
            [*STRACE, "-e", "trace=fsync", "true"], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("strace is not there, or may not trace")

    def start(inject: str) -> Service:
        service = new_service(backend="synthetic", log__level="ERROR")
        service.program = [
            *STRACE, "-e", "trace=fsync,fdatasync,rename", "-e", f"inject={inject}",
            sys.executable, "-B", "-m", "tests.e2e.jumping_clock", str(clock),
        ]  # fmt: skip
        service.start()
        return service

    return start


def submit_many(service: Service, count: int) -> tuple[set[str], set[int]]:
    """The ids that were acknowledged, and every other status."""
    acknowledged, refused = set(), set()
    for number in range(count):
        answer = service.client.post(
            "/api/v1/generations",
            json={"prompt": "x", "seed": number, "steps": 1, "num_frames": 5},
        )
        if answer.status_code == 202:
            acknowledged.add(answer.json()["id"])
        else:
            refused.add(answer.status_code)
    return acknowledged, refused


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_a_commit_that_did_not_reach_the_disk_is_refused_and_leaves_nothing(
    error: str, failing: Failing
) -> None:
    # SQLite makes a commit durable by fdatasync; the counts are per thread, and starting takes a few.
    service = failing(f"fdatasync:error={error}:when=15..24")
    service.client.post("/api/v1/queue/pause")

    acknowledged, refused = submit_many(service, 40)
    service.stop()
    service.program = [str(WAN)]
    service.start()

    assert refused
    assert refused <= {503, 507}
    assert kept(service) == acknowledged
    assert service.audit() == ""
    service.client.post("/api/v1/queue/resume")
    for generation in acknowledged:
        assert service.wait_until(generation, "completed", "failed")["status"] == "completed"


@pytest.mark.parametrize(("call", "error"), [("fsync", "ENOSPC"), ("rename", "EIO")])
def test_a_video_that_could_not_be_made_durable_is_made_durable_later(
    error: str, call: str, failing: Failing, clock: Path
) -> None:
    # Every job costs the worker four fsyncs and a rename, and the server a rename.
    service = failing(f"{call}:error={error}:when=6..7")
    service.client.post("/api/v1/queue/pause")
    acknowledged, _ = submit_many(service, 16)

    service.client.post("/api/v1/queue/resume")
    wait_for(lambda: not is_busy(service), seconds=60)
    delayed = [job["id"] for job in service.client.get("/api/v1/queue").json()["waiting"]]
    clock.write_text(str(A_WHILE))

    for generation in acknowledged:
        done = service.wait_until(generation, "completed", "failed")
        assert done["status"] == "completed", done["error"]
    assert delayed or "cannot write" in service.log, "no video met a fault"
    assert {path.stem for path in (service.data_dir / "outputs").iterdir()} == acknowledged
    assert service.audit() == ""


def is_busy(service: Service) -> bool:
    """Whether anything runs, or waits and may run now."""
    queue = service.client.get("/api/v1/queue").json()
    return bool(queue["running"]) or any(job["run_after"] is None for job in queue["waiting"])


def kept(service: Service) -> set[str]:
    answer: httpx.Response = service.client.get("/api/v1/generations", params={"limit": 200})
    return {job["id"] for job in answer.json()["data"]}
