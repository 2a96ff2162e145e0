"""What the program refuses to start with, and how it says so."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.service import WAN, Service


def wan(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [WAN, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_a_busy_port_is_named_with_another(card_service: Service, tmp_path: Path) -> None:
    port = str(card_service.port)

    told = wan("serve", "--port", port, "--data-dir", str(tmp_path / "other"))

    assert told.returncode == 2
    assert f"Port {port}" in told.stderr
    assert str(card_service.port + 1) in told.stderr


def test_a_data_directory_has_one_server(card_service: Service) -> None:
    told = wan("serve", "--port", "0", "--data-dir", str(card_service.data_dir))

    assert told.returncode == 1
    assert f"process {card_service.process.pid}" in told.stderr


def test_a_foreign_directory_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    told = wan("serve", "--port", "0", "--data-dir", str(tmp_path))

    assert told.returncode == 1
    assert "thesis.txt" in told.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_other_machines_are_not_served_without_keys(tmp_path: Path) -> None:
    told = wan("serve", "--host", "0.0.0.0", "--data-dir", str(tmp_path / "data"))

    assert told.returncode == 2
    assert "API keys" in told.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 4096):
            pass


def test_a_full_disk_refuses_jobs_and_loses_none(small_disk: Path) -> None:
    service = Service(small_disk / "data", backend="synthetic")
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
    service.close()
