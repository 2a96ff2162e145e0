"""The disk fills up, and has room again."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.service import NewService, wait_for


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(ballast: Path, *, leave_mib: int = 0) -> None:
    """Write until the disk is full, then give `leave_mib` back."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 4096):
            pass
    with ballast.open("r+b") as file:
        file.truncate(max(0, ballast.stat().st_size - leave_mib * 2**20))


def test_a_full_disk_refuses_jobs_and_loses_none(small_disk: Path, new_service: NewService) -> None:
    # No marks: the disk itself says no, in the middle of whatever is being written.
    service = new_service(
        data_dir=small_disk / "data", backend="synthetic", disk__soft_mib=0, disk__hard_mib=0
    )
    service.start()
    kept = service.submit()
    service.wait_until(kept, "completed")
    ballast = small_disk / "ballast"
    fill(ballast)

    answers = {service.client.post("/api/v1/generations", json={"prompt": "x"}).status_code
               for _ in range(50)}  # fmt: skip

    assert 507 in answers
    assert answers <= {202, 507}
    assert service.client.get("/livez").status_code == 200
    ballast.unlink()
    assert service.generation(kept)["status"] == "completed"
    after = service.submit()
    assert service.wait_until(after, "completed", "failed")["status"] == "completed"
    assert service.audit() == ""


def test_a_low_disk_holds_jobs_back_until_there_is_room(
    small_disk: Path, new_service: NewService
) -> None:
    service = new_service(
        data_dir=small_disk / "data", backend="synthetic", disk__soft_mib=4, disk__hard_mib=2
    )
    service.start()
    ballast = small_disk / "ballast"
    fill(ballast, leave_mib=3)
    held = service.submit()

    queue = service.client.get("/api/v1/queue").json()
    ready = service.client.get("/readyz")

    assert "disk.soft_mib" in queue["problem"]
    assert (ready.status_code, "disk" in ready.text) == (503, True)
    assert service.generation(held)["status"] == "queued"

    fill(ballast, leave_mib=1)
    refused = service.client.post("/api/v1/generations", json={"prompt": "x"})
    assert (refused.status_code, refused.json()["code"]) == (507, "disk-full")

    ballast.unlink()
    assert service.wait_until(held, "completed", seconds=30)["attempts"] == 1
    wait_for(lambda: service.client.get("/readyz").is_success, seconds=10)
