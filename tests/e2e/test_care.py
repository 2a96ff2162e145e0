"""A data directory is audited and copied while a server works on it, and the copy is served."""

import subprocess
from pathlib import Path

from tests.e2e.service import WAN, Service


def back_up(service: Service, target: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [WAN, "backup", str(target), "--data-dir", str(service.data_dir)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_backup_taken_under_load_is_a_whole_data_directory(
    card_service: Service, tmp_path: Path
) -> None:
    done = [card_service.submit(steps=1) for _ in range(5)]
    for generation in done:
        card_service.wait_until(generation, "completed")
    open_jobs = [card_service.submit(steps=20) for _ in range(5)]

    copied = back_up(card_service, tmp_path / "copy")

    assert copied.returncode == 0, copied.stderr
    card_service.close()
    restored = Service(tmp_path / "copy", backend="synthetic")
    assert restored.audit() == ""
    restored.start()
    for generation in (*done, *open_jobs):
        assert restored.wait_until(generation, "completed", "failed")["status"] == "completed"
        assert restored.client.get(f"/api/v1/outputs/{generation}/video").is_success
    assert restored.audit() == ""
    restored.close()


def test_a_backup_never_writes_over_anything(card_service: Service, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "thesis.txt").write_text("years of work")

    told = back_up(card_service, tmp_path / "copy")

    assert told.returncode == 2
    assert "not empty" in told.stderr
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["thesis.txt"]


def audit(service: Service) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [WAN, "audit", "--data-dir", str(service.data_dir)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_an_audit_names_what_is_wrong_on_a_live_directory_and_on_a_stopped_one(
    card_service: Service,
) -> None:
    altered, gone = (card_service.submit(steps=1) for _ in range(2))
    for generation in (altered, gone):
        card_service.wait_until(generation, "completed")
    outputs = card_service.data_dir / "outputs"
    assert card_service.audit() == ""

    (outputs / f"{gone}.mp4").unlink()
    with (outputs / f"{altered}.mp4").open("r+b") as file:
        file.write(b"!")
    (outputs / "gen_0.mp4").write_bytes(b"whose?")

    live = audit(card_service)
    card_service.stop()
    stopped = audit(card_service)
    assert live.returncode == stopped.returncode == 1
    assert live.stdout == stopped.stdout
    for invariant, subject in (("I5", gone), ("I5", altered), ("I6", "gen_0")):
        assert any(line.split()[:2] == [invariant, subject] for line in live.stdout.splitlines()), (
            live
        )
