"""A server that others can reach: its keys come and go while it runs."""

import os
import subprocess
from pathlib import Path

from adapters.filesystem.data_directory import DataDirectory
from adapters.filesystem.key_store import FilesystemKeyStore
from adapters.system.clock import SystemClock
from application.manage_keys import ManageKeys
from domain.access import Quota, Scope
from tests.e2e.service import WAN, Service


class Exposed(Service):
    """On every address of the machine."""

    def command(self) -> list[str]:
        return [*super().command(), "--host", "0.0.0.0"]


def queue(service: Service, key: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [WAN, "queue", "--port", str(service.port)],
        env={**os.environ, "WAN_API_KEY": key}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_keys_open_and_close_a_server_that_runs(tmp_path: Path) -> None:
    service = Exposed(tmp_path / "data", backend="synthetic")
    directory = DataDirectory(service.data_dir)
    keys = ManageKeys(FilesystemKeyStore(directory.keys, directory.prepare), SystemClock())
    _, boss = keys.create("boss", Scope.ADMIN, Quota())
    service.start()
    try:
        assert service.client.get("/api/v1/queue").status_code == 401
        assert "WAN_API_KEY" in queue(service, "").stderr
        assert queue(service, boss).stdout == "Nothing runs and nothing waits.\n"

        key, ann = keys.create("ann", Scope.GENERATE, Quota())
        service.client.headers["Authorization"] = f"Bearer {ann}"
        job_id = service.submit(prompt="a canary named Zarzuela", steps=2)
        done = service.wait_until(job_id, "completed")
        assert done["client"] == key.id
        assert service.client.get(f"/api/v1/outputs/{job_id}/video").status_code == 200

        keys.revoke("ann")
        assert service.client.get(f"/api/v1/generations/{job_id}").status_code == 401
        assert not [word for word in ("Zarzuela", ann, boss) if word in service.log]
    finally:
        service.close()
