"""How long the server takes to answer, how much memory it holds, and whether torch is in it.

Run with: python benchmarks/startup.py [runs]
Target: /livez within 1.5 s of the start, at most 150 MB resident, no torch; a worker that has made a `mini`
video at most 600 MB. Also: how long it takes to load a worker's libraries, once, and to fork one that has them
(target: 300 ms); what fork server and workers hold together, counting shared memory once.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import msgspec

from adapters.subprocess.channel import IDLE_S
from adapters.subprocess.fork_server import ForkServer
from bootstrap.process_environment import worker_environment
from bootstrap.settings import load_settings
from domain.checkpoint import checkpoint_spec
from tests.e2e.service import Service

DEFAULTS = checkpoint_spec("mini").defaults


async def ready_s(forks: int) -> list[float]:
    """Seconds from each of so many requests for a worker to its first word; the first loads the libraries."""
    settings = msgspec.json.encode(load_settings(overrides={}, environment={})).decode()
    command = [sys.executable, "-m", "bootstrap.fork_server", settings]
    fork_server = ForkServer(command, environment=worker_environment(None))
    seconds = []
    for _ in range(forks):
        began = time.monotonic()
        worker = await fork_server.fork(("0", "", ""))
        assert worker is not None, "it can be forked here"
        await worker.stdout.readexactly(1)
        seconds.append(time.monotonic() - began)
        worker.kill()
        await worker.wait()
    await fork_server.close()
    return seconds


def held_mb(workers: int) -> float:
    """By the fork server and so many workers, each after a video; what they share is counted once."""
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder) / "data", backend="diffusers", workers=workers)
        service.start()
        made = [
            service.submit(width=DEFAULTS.width, height=DEFAULTS.height) for _ in range(workers)
        ]
        for generation in made:
            service.wait_until(generation, "completed")
        time.sleep(IDLE_S + 0.5)
        processes = [*service.fork_servers(), *service.workers()]
        assert len(processes) == 1 + workers, "each made one"
        held = sum(process.memory_full_info().pss for process in processes) / 1e6
        service.close()
    return held


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
    ready = [asyncio.run(ready_s(4)) for _ in range(3)]
    loading = [seconds[0] for seconds in ready]
    forking = [second for seconds in ready for second in seconds[1:]]
    print(f"start to /livez, new data directory   median {statistics.median(seconds):.2f} s, "
          f"worst {max(seconds):.2f} s of {runs}")  # fmt: skip
    print(f"resident after a first video          worst {max(megabytes):.0f} MB")
    print(f"its worker's                          worst {max(worker_megabytes):.0f} MB")
    print(f"servers with torch in memory          {torch} of {runs}")
    print(f"the fork server's start to a worker   median {statistics.median(loading):.2f} s of 3")
    print(f"a fork to a worker                    median {statistics.median(forking) * 1000:.0f} ms, "
          f"worst {max(forking) * 1000:.0f} ms of {len(forking)}")  # fmt: skip
    for workers in (1, 2):
        print(f"fork server and {workers} worker(s)           {held_mb(workers):.0f} MB (Pss)")


if __name__ == "__main__":
    main()
