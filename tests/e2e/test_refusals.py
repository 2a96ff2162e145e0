"""What the program refuses to start with, and how it says so."""

import subprocess
from pathlib import Path

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

    assert told.returncode == 2
    assert "thesis.txt" in told.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_other_machines_are_not_served_without_keys(tmp_path: Path) -> None:
    told = wan("serve", "--host", "0.0.0.0", "--data-dir", str(tmp_path / "data"))

    assert told.returncode == 2
    assert "API keys" in told.stderr
