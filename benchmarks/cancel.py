"""How long a cancel takes, from asking until the job has ended and the next one may start.

Run with: python benchmarks/cancel.py [cancels]
`mini`, at instants drawn at random over the whole run, the worker warm. Target: p95 at most 300 ms.
"""

import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.e2e.service import Service


def main() -> None:
    cancels = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    chance = random.Random(0)
    seconds: list[float] = []
    stages: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        service = Service(
            Path(folder) / "data", backend="diffusers", log__level="WARNING", workers=1
        )
        service.start()
        service.wait_until(service.submit(), "completed")
        workers = [worker.pid for worker in service.workers()]
        while len(seconds) < cancels:
            generation = service.submit(steps=60)
            service.wait_until(generation, "running", "completed")
            time.sleep(chance.uniform(0.0, 1.2))
            stage = service.generation(generation)["stage"]
            began = time.monotonic()
            answer = service.client.post(f"/api/v1/generations/{generation}/cancel")
            if answer.status_code == 200:
                service.wait_until(generation, "cancelled", seconds=30)
                seconds.append(time.monotonic() - began)
                stages[stage] += 1
        kept = workers == [worker.pid for worker in service.workers()]
        service.close()
    p95 = statistics.quantiles(seconds, n=20)[-1]
    told = ", ".join(f"{count} while {stage}" for stage, count in stages.most_common())
    print(f"{cancels} cancels ({told})")
    print(f"until the job has ended   median {statistics.median(seconds) * 1000:.0f} ms, "
          f"p95 {p95 * 1000:.0f} ms, worst {max(seconds) * 1000:.0f} ms")  # fmt: skip
    print(f"the worker was {'kept' if kept else 'REPLACED'}")


if __name__ == "__main__":
    main()
