"""`wan`, made to die at a named point, once: `python -m tests.e2e.faulty POINT MARKER serve …`.

The fault is put around the real adapters' methods from outside; nothing in src knows of it. The marker
file is written just before the death, so that the server started after it runs whole.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adapters.filesystem.artifact_store import FilesystemArtifactStore
from adapters.filesystem.resume_store import FilesystemResumeStore
from adapters.sql.job_queue import SqlJobQueue
from adapters.sql.job_repository import SqlJobRepository
from adapters.subprocess.channel import WorkerChannel
from adapters.subprocess.fork_server import ForkServer
from domain.progress import Stage
from domain.rendering import StageEntered

#: point -> (class, method, whether the process dies before or after what it does)
SERVER_POINTS: dict[str, tuple[type, str, str]] = {
    "submission-kept": (SqlJobRepository, "add", "after"),
    "claimed": (SqlJobQueue, "claim", "after"),
    "intent-kept": (FilesystemArtifactStore, "publish", "before"),
    "renamed": (FilesystemArtifactStore, "publish", "after"),
}
WORKER_POINTS: dict[str, tuple[type, str, str]] = {
    "resume-point-kept": (FilesystemResumeStore, "keep", "after"),
    "decoding": (WorkerChannel, "report", "after"),
    "encoding-video": (WorkerChannel, "report", "after"),
    "sealed": (FilesystemArtifactStore, "seal", "after"),
}
#: Only a report of that stage is the point.
STAGES = {"decoding": Stage.DECODING, "encoding-video": Stage.ENCODING_VIDEO}
#: The point is reached at this call: the first resume point is too early to be interesting.
CALLS = {"resume-point-kept": 5}


def install(point: str, marker: Path) -> None:
    """Put the fault in, unless it has been met already."""
    kind, name, when = {**SERVER_POINTS, **WORKER_POINTS}[point]
    method: Callable[..., Any] = getattr(kind, name)
    calls = 0

    def is_met(*arguments: object, result: object = True) -> bool:
        nonlocal calls
        wanted = STAGES.get(point)
        told = arguments[1] if len(arguments) > 1 else None
        if result is None or (wanted and told != StageEntered(stage=wanted)):
            return False
        calls += 1
        return calls >= CALLS.get(point, 1) and not marker.exists()

    def faulty(*arguments: Any, **named: Any) -> Any:
        if when == "before" and is_met(*arguments):
            _die(marker)
        result = method(*arguments, **named)
        if when == "after" and is_met(*arguments):
            _die(marker)
        return result

    async def faulty_async(*arguments: Any, **named: Any) -> Any:
        result = await method(*arguments, **named)
        if is_met(*arguments, result=result):
            _die(marker)
        return result

    setattr(kind, name, faulty_async if name in {"add", "claim"} else faulty)


def _die(marker: Path) -> None:
    marker.touch()
    os.kill(os.getpid(), signal.SIGKILL)


def _with_faulty_workers(point: str, marker: Path) -> None:
    start = ForkServer.__init__

    def init(self: ForkServer, command: tuple[str, ...], **named: Any) -> None:
        program, _, _, told = command
        faulty = (program, "-m", "tests.e2e.faulty", point, str(marker), "fork_server", told)
        start(self, faulty, **named)

    ForkServer.__init__ = init  # type: ignore[method-assign]


def main() -> None:
    point, marker, command = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    sys.argv[1:] = sys.argv[4:] if command == "fork_server" else sys.argv[3:]
    if command == "fork_server":
        from bootstrap.fork_server import main as serve_forks

        install(point, marker)
        serve_forks()
        return
    from bootstrap.cli import main as wan

    if point in WORKER_POINTS:
        _with_faulty_workers(point, marker)
    else:
        install(point, marker)
    wan()


if __name__ == "__main__":
    main()
