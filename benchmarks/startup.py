"""How long the server takes to answer, how much memory it holds, and whether torch is in it.

Run with: python benchmarks/startup.py [runs]
Target: /livez within 1.5 s of the start, at most 150 MB resident, no torch; a worker that has made a `mini`
video at most 600 MB. Also: how long a worker takes to load its libraries, once, before its first order.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import msgspec

from adapters.subprocess.channel import IDLE_S
from bootstrap.process_environment import worker_environment
from bootstrap.settings import load_settings
from domain.checkpoint import checkpoint_spec
from tests.e2e.service import Service

DEFAULTS = checkpoint_spec("mini").defaults


def worker_ready() -> float:
    """Seconds from a worker's start to its first word: its libraries are loaded."""
    settings = load_settings(overrides={}, environment={})
    command = [sys.executable, "-m", "bootstrap.worker", msgspec.json.encode(settings).decode()]
    began = time.monotonic()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=worker_environment(None)
    ) as worker:
        assert worker.stdout is not None
        worker.stdout.read(1)
        seconds = time.monotonic() - began
        worker.kill()
    return seconds


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seconds, megabytes, worker_megabytes, torch = [], [], [], 0
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            service = Service(Path(folder) / "data", backend="diffusers")
            began = time.monotonic()
            service.start()
            seconds.append(time.monotonic() - began)
            service.wait_until(
                service.submit(width=DEFAULTS.width, height=DEFAULTS.height), "completed"
            )
            megabytes.append(service.process.memory_info().rss / 1e6)
            time.sleep(IDLE_S + 0.5)  # an idle worker's heap goes back to the system
            (worker,) = service.workers()
            worker_megabytes.append(worker.memory_info().rss / 1e6)
            torch += any("torch" in mapping.path for mapping in service.process.memory_maps())
            service.close()
    ready = [worker_ready() for _ in range(3)]
    print(f"start to /livez, new data directory   median {statistics.median(seconds):.2f} s, "
          f"worst {max(seconds):.2f} s of {runs}")  # fmt: skip
    print(f"resident after a first video          worst {max(megabytes):.0f} MB")
    print(f"its worker's                          worst {max(worker_megabytes):.0f} MB")
    print(f"servers with torch in memory          {torch} of {runs}")
    print(f"a worker's start to ready             median {statistics.median(ready):.2f} s of 3")


if __name__ == "__main__":
    main()
