"""How long the server takes to answer, how much memory it holds, and whether torch is in it.

Run with: python benchmarks/startup.py [runs]
Target: /livez within 1.5 s of the start, at most 150 MB resident, no torch.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.e2e.service import Service


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seconds, megabytes, torch = [], [], 0
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            service = Service(Path(folder) / "data", backend="diffusers")
            began = time.monotonic()
            service.start()
            seconds.append(time.monotonic() - began)
            service.wait_until(service.submit(), "completed")
            megabytes.append(service.process.memory_info().rss / 1e6)
            torch += any("torch" in mapping.path for mapping in service.process.memory_maps())
            service.close()
    print(f"start to /livez, new data directory   median {statistics.median(seconds):.2f} s, "
          f"worst {max(seconds):.2f} s of {runs}")  # fmt: skip
    print(f"resident after a first video          worst {max(megabytes):.0f} MB")
    print(f"servers with torch in memory          {torch} of {runs}")


if __name__ == "__main__":
    main()
