"""A real `wan serve` to talk to, kill and start again."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import psutil

from adapters.cli.app import build_app, run
from bootstrap.cli import Commands

WAN = Path(sys.executable).with_name("wan")

#: Makes a `Service` that the end of the test closes.
NewService: TypeAlias = "Callable[..., Service]"


class Service:
    """One data directory and, mostly, one server on it. `start` may be called again after a death."""

    def __init__(self, data_dir: Path, *, backend: str, **settings: object) -> None:
        """`settings`: by their `WAN_` variables without the prefix, in small letters."""
        self.data_dir = data_dir
        self.program: list[str] = [str(WAN)]
        self._backend = backend
        self._environment = {
            **os.environ,
            **{f"WAN_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self.port = free_port()
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> psutil.Process:
        assert self._process is not None
        return psutil.Process(self._process.pid)

    @property
    def log(self) -> str:
        return (self.data_dir.parent / "server.log").read_text()

    def command(self) -> list[str]:
        return [
            *self.program, "serve", "--port", str(self.port), "--data-dir", str(self.data_dir),
            "--backend", self._backend,
        ]  # fmt: skip

    def start(self) -> None:
        with (self.data_dir.parent / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stderr=log, env=self._environment, start_new_session=True
            )
        wait_for(self._answers, seconds=30)

    @property
    def has_ended(self) -> bool:
        """Whether the server's process is gone, whatever ended it."""
        assert self._process is not None
        return self._process.poll() is not None

    def audit(self) -> str:
        """What `wan audit` finds, on a live data directory or a stopped one; empty where all is well.

        Asked in this process: starting another takes a second.
        """
        told = io.StringIO()
        with redirect_stdout(told), redirect_stderr(told):
            code = run(build_app(Commands()), ["audit", "--data-dir", str(self.data_dir)])
        return "" if code == 0 else told.getvalue()

    def started(self) -> list[psutil.Process]:
        """Whatever it started that still runs, and whatever that started: those of its process group."""
        assert self._process is not None
        return [p for p in _group(self._process.pid) if p.pid != self._process.pid]

    def fork_servers(self) -> list[psutil.Process]:
        """What its workers are forked from: one, or none."""
        return [*filter(_is_fork_server, self.process.children())]

    def workers(self) -> list[psutil.Process]:
        """Forked, or started by themselves."""
        forking = self.fork_servers()
        return [p for p in self.started() if p not in forking]

    def kill(self) -> list[psutil.Process]:
        """SIGKILL the server. Returns what it had started."""
        started = self.started()
        self._signal(signal.SIGKILL)
        return started

    def stop(self) -> int:
        """SIGTERM the server and its workers, as a supervisor does. Returns the server's exit code."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGTERM)
        return self._process.wait(timeout=30)

    def submit(self, *, key: str | None = None, **body: Any) -> str:
        answer = self.client.post(
            "/api/v1/generations",
            json={"prompt": "a red circle", "width": 64, "height": 64, **body},
            headers={"Idempotency-Key": key} if key else {},
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def generation(self, generation_id: str) -> dict[str, Any]:
        answer = self.client.get(f"/api/v1/generations/{generation_id}").raise_for_status()
        return dict(answer.json())

    def wait_until(self, generation_id: str, *statuses: str, seconds: float = 90) -> dict[str, Any]:
        def there() -> bool:
            return self.generation(generation_id)["status"] in statuses

        wait_for(there, seconds=seconds)
        return self.generation(generation_id)

    def wait_for_step(self, generation_id: str, step: int) -> None:
        def there() -> bool:
            return int(self.generation(generation_id)["step"]) >= step

        wait_for(there, seconds=90)

    def events(self, generation_id: str, *, last: int | None = None) -> list[dict[str, Any]]:
        """The whole stream after `last`, each event with its `id` and `kind`."""
        return list(self.follow(generation_id, last=last))

    def follow(self, generation_id: str, *, last: int | None = None) -> Iterator[dict[str, Any]]:
        """The same, each as it comes."""
        headers = {} if last is None else {"Last-Event-ID": str(last)}
        url = f"/api/v1/generations/{generation_id}/events"
        with self.client.stream("GET", url, headers=headers, timeout=90) as stream:
            yield from _parse(stream.iter_lines())

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()
        self.client.close()

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        try:
            return self.client.get("/livez").is_success
        except httpx.TransportError:
            return False

    def _signal(self, number: int) -> int:
        assert self._process is not None
        os.kill(self._process.pid, number)
        return self._process.wait(timeout=30)


def wait_for(there: Callable[[], bool], *, seconds: float) -> None:
    """Return once `there()` is true; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, f"it did not happen within {seconds} s"
        time.sleep(0.02)


def is_gone(process: psutil.Process) -> bool:
    """Whether the process has ended (a zombie has)."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _is_fork_server(process: psutil.Process) -> bool:
    """Of a server's children; a fork of it has the same command."""
    try:
        return any(part.endswith("fork_server") for part in process.cmdline())
    except psutil.Error:  # it has just ended
        return False


def _group(number: int) -> Iterator[psutil.Process]:
    """The processes of that group that run."""
    for process in psutil.process_iter():
        with suppress(ProcessLookupError):
            if os.getpgid(process.pid) == number and not is_gone(process):
                yield process


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _parse(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    head: dict[str, Any] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "data":
            yield {**head, **json.loads(value)}
        elif name == "id":
            head["id"] = int(value)
        elif name == "event":
            head["kind"] = value
