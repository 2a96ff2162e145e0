"""Many readers, streams and submissions at once, while a `mini` job runs.

Run with: python benchmarks/load.py [--seconds 60] [--reads 500] [--streams 128] [--submissions 20] [--no-pin]
Alone on the machine: it needs two cores. A quick look: --seconds 10.
First a thumbnail is taken out of the one video there is, 20 generations wait, and the streams are open. Then requests
come at their own times, whether or not the ones before are answered, and are timed from when they were due. Every
request shows an API key. A quarter of the streams follow everything, the others one generation each. Target: reads within 100 ms, submissions within 250 ms (p99), no answer but 2xx, 304, 429 and 503,
memory that stays.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.served import Connection, cpu_s_of, head_of, keyed_service, pin_all
from tests.e2e.service import Service

#: Connections that reads and submissions share.
READERS, SUBMITTERS = 48, 12
GOOD = {200, 202, 206, 304, 429, 503}
#: What is read, and how often out of 100.
MIX = {
    "/api/v1/generations/{id}": 45,
    "/api/v1/generations?limit=20": 15,
    "/api/v1/outputs?limit=20&counted=false": 10,
    "/api/v1/outputs/{made}/thumbnail": 10,
    "/api/v1/queue?limit=20": 5,
    "/api/v1/system": 5,
    "/v1/videos/{id}": 5,
    "/livez": 5,
}


@dataclass(slots=True)
class Tally:
    """Milliseconds of each kind of request, and how they ended."""

    took_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: Counter[str] = field(default_factory=Counter)
    told: int = 0


async def arrivals(
    per_second: float, seconds: float, connections: Sequence[Connection],
    ask: Callable[[Connection], Awaitable[tuple[str, int]]], tally: Tally,
) -> None:  # fmt: skip
    """Ask so often for so long; what is due while all connections are in use waits, and its clock runs."""
    due: asyncio.Queue[float | None] = asyncio.Queue()

    async def serve(connection: Connection) -> None:
        while (at := await due.get()) is not None:
            try:
                kind, status = await ask(connection)
            except (OSError, asyncio.IncompleteReadError) as error:
                kind, status = "broken", 0
                tally.statuses[type(error).__name__] += 1
                connection.close()
            tally.took_ms[kind].append((time.perf_counter() - at) * 1000)
            tally.statuses[str(status)] += 1

    serving = [asyncio.create_task(serve(connection)) for connection in connections]
    began = time.perf_counter()
    for number in range(int(per_second * seconds)):
        at = began + number / per_second
        if (early := at - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        due.put_nowait(at)
    for _ in serving:
        due.put_nowait(None)
    await asyncio.gather(*serving)


async def follow(
    connection: Connection, path: str, tally: Tally, opened: asyncio.Semaphore
) -> None:
    """Read a stream to its end, and count what it tells. Says when it is open."""
    reader = await connection.send("GET", path)
    status, _ = await head_of(reader)
    tally.statuses[f"stream {status}"] += 1
    opened.release()
    while part := await reader.read(65536):
        tally.told += part.count(b"data: ")


async def load(service: Service, secret: str, options: argparse.Namespace, made: str) -> Tally:
    tally, chance = Tally(), random.Random(7)
    ids = [made]
    kinds, weights = list(MIX), list(MIX.values())

    async def read(connection: Connection) -> tuple[str, int]:
        [kind] = chance.choices(kinds, weights)
        path = kind.format(id=chance.choice(ids), made=made)
        status, _ = await connection.ask("GET", path)
        return kind, status

    async def submit(connection: Connection) -> tuple[str, int]:
        body = json.dumps({"prompt": "a red circle", "seed": len(ids)}).encode()
        status, answer = await connection.ask("POST", "/api/v1/generations", body)
        if status == 202:
            ids.append(json.loads(answer)["id"])
        return "submission", status

    def connections(count: int) -> list[Connection]:
        return [Connection(service, secret) for _ in range(count)]

    [connection] = connections(1)
    await connection.ask("GET", f"/api/v1/outputs/{made}/thumbnail")
    for _ in range(20):
        await submit(connection)
    connection.close()
    opened = asyncio.Semaphore(0)
    streams = [
        asyncio.create_task(follow(connection, _stream(number, ids), tally, opened))
        for number, connection in enumerate(connections(options.streams))
    ]
    for _ in streams:
        await opened.acquire()
    memory = asyncio.create_task(_watch(service, options.seconds))
    await asyncio.gather(
        arrivals(options.reads, options.seconds, connections(READERS), read, tally),
        arrivals(options.submissions, options.seconds, connections(SUBMITTERS), submit, tally),
    )
    for stream in streams:
        stream.cancel()
    await asyncio.gather(*streams, return_exceptions=True)
    await memory
    return tally


def _stream(number: int, ids: Sequence[str]) -> str:
    if number % 4 == 0:
        return "/api/v1/events"
    return f"/api/v1/generations/{ids[1 + number % 20]}/events"


async def _watch(service: Service, seconds: float) -> None:
    """Say what the server holds and takes, three times."""
    process = service.process
    cpu_s, began = cpu_s_of(process), time.monotonic()
    for when, wait_s in (("start", 0.0), ("middle", seconds / 2), ("end", seconds / 2)):
        await asyncio.sleep(wait_s)
        taken_s = cpu_s_of(process) - cpu_s
        share = taken_s / max(time.monotonic() - began, 1e-9) if taken_s else 0
        print(f"server at the {when:<7} {process.memory_info().rss / 1e6:>6.0f} MB, "
              f"{share:.0%} of a core so far", flush=True)  # fmt: skip


def show(tally: Tally, seconds: float) -> bool:
    """Print it all. Returns whether nothing was wrong."""
    submissions = tally.took_ms.pop("submission", [])
    reads = [ms for kind in tally.took_ms.values() for ms in kind]
    rows = {**tally.took_ms, "READS (target: p99 100)": reads}
    rows["SUBMISSIONS (target: p99 250)"] = submissions
    print(f"{'milliseconds':<44} {'number':>7} {'p50':>7} {'p99':>7} {'worst':>7}")
    for name, took in rows.items():
        if took:
            ordered = sorted(took)
            p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
            print(f"{name:<44} {len(took):>7} {statistics.median(took):>7.1f} {p99:>7.1f} "
                  f"{ordered[-1]:>7.1f}")  # fmt: skip
    wrong = {
        status: number
        for status, number in tally.statuses.items()
        if not status.endswith(tuple(map(str, GOOD)))
    }
    told = ", ".join(f"{number} x {status}" for status, number in sorted(tally.statuses.items()))
    print(f"answers: {told}; events told {tally.told:,} ({tally.told / seconds:.0f} a second)")
    print(f"errors (target: none): {wrong or 'none'}")
    return not wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--reads", type=float, default=500, help="a second")
    parser.add_argument("--streams", type=int, default=128)
    parser.add_argument("--submissions", type=float, default=20, help="a second")
    parser.add_argument("--no-pin", action="store_true")
    options = parser.parse_args()
    # A worker that outlives its server by a step may still write.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        service, secret = keyed_service(Path(temporary) / "data", backend="diffusers")
        service.start()
        try:
            made = service.submit(**MINI)
            service.wait_until(made, "completed")
            pinned = "nothing" if options.no_pin or os.cpu_count() == 1 else pin_all(service)
            print(
                f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; pinned: {pinned}"
            )
            cpu_s = cpu_s_of(service.process)
            tally = asyncio.run(load(service, secret, options, made))
            cpu_s = cpu_s_of(service.process) - cpu_s
        finally:
            service.kill()
            service.close()
    print(f"the server took {cpu_s:.1f} s of processor time for {options.seconds:.0f} s of load")
    sys.exit(0 if show(tally, options.seconds) else 1)


#: As a submission that says nothing of size.
MINI: Mapping[str, Any] = {"width": 128, "height": 128}


if __name__ == "__main__":
    main()
