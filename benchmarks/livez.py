"""How soon `/livez` answers while a worker loads, runs, hangs and is killed.

Run with: python benchmarks/livez.py [--seconds 5] [--no-pin]
Alone on the machine. Asks every 10 ms over one connection, from a thread that does nothing else; `--seconds` is how
long each phase lasts that does not end by itself. Target: 50 ms at the worst.
"""

import argparse
import asyncio
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.served import Connection, pin_all
from tests.e2e.service import Service, wait_for

EVERY_S = 0.01
#: For a worker that loads, on whatever machine.
PATIENCE_S = 300
TARGET_MS = 50.0


class Probe(threading.Thread):
    """Asks until it is stopped. `phase`: under which name answers are kept from now on."""

    def __init__(self, service: Service) -> None:
        super().__init__(daemon=True)
        self._service = service
        self._stopped = threading.Event()
        self.phase = "idle"
        self.took_ms: dict[str, list[float]] = defaultdict(list)

    def run(self) -> None:
        asyncio.run(self._ask())

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    async def _ask(self) -> None:
        connection = Connection(self._service)
        while not self._stopped.is_set():
            phase, began = self.phase, time.perf_counter()
            status, _ = await connection.ask("GET", "/livez")
            assert status == 200, status
            self.took_ms[phase].append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(EVERY_S)
        connection.close()


def measure(service: Service, probe: Probe, seconds: float) -> None:
    """Everything that can happen to a worker, one after another."""
    time.sleep(seconds)
    probe.phase = "a worker loads its libraries and the weights"
    generation = service.submit(width=128, height=128, steps=100)
    wait_for(lambda: service.generation(generation)["step"] >= 2, seconds=PATIENCE_S)
    probe.phase = "it runs"
    time.sleep(seconds)
    (worker,) = service.workers()
    probe.phase = "it hangs (SIGSTOP)"
    worker.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    probe.phase = "it is killed, and another one loads"
    attempts = service.generation(generation)["attempts"]
    worker.send_signal(signal.SIGKILL)

    def runs_again() -> bool:
        now = service.generation(generation)
        return bool(now["attempts"] > attempts and now["stage"] == "denoising")

    wait_for(runs_again, seconds=PATIENCE_S)
    probe.phase = "it is cancelled"
    service.client.post(f"/api/v1/generations/{generation}/cancel").raise_for_status()
    service.wait_until(generation, "cancelled")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--no-pin", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder) / "data", backend="diffusers")
        service.start()
        try:
            pinned = "nothing" if options.no_pin or os.cpu_count() == 1 else pin_all(service)
            print(
                f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; pinned: {pinned}"
            )
            probe = Probe(service)
            probe.start()
            measure(service, probe, options.seconds)
            probe.stop()
        finally:
            service.close()
    print(f"{'milliseconds':<48} {'number':>7} {'p50':>7} {'p99':>7} {'worst':>7}")
    for phase, took in probe.took_ms.items():
        p99 = statistics.quantiles(took, n=100)[98] if len(took) > 1 else took[0]
        print(f"{phase:<48} {len(took):>7} {statistics.median(took):>7.1f} {p99:>7.1f} "
              f"{max(took):>7.1f}")  # fmt: skip
    worst = max(max(took) for took in probe.took_ms.values())
    print(f"worst of all {worst:.1f} ms (target: {TARGET_MS:.0f})")
    sys.exit(0 if worst <= TARGET_MS else 1)


if __name__ == "__main__":
    main()
