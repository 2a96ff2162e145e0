"""Kills server and worker again and again, with jobs waiting, and counts what was lost.

Run with: python benchmarks/soak.py [--kills 500] [--cuts 50] [--seed 0]
Part one draws test cards (a worker starts in half a second, so that many deaths fit into minutes):
SIGKILL of the server or of its worker at random instants, submissions repeated under their keys until
they are acknowledged, cancels in between. Part two makes `mini` videos whose worker or server is killed
once, at a step drawn at random or while it decodes and writes, and compares frame by frame with the
unbroken run. Ends with 1 where a promise was broken.
"""

import argparse
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import av
import httpx
import psutil

from tests.e2e.service import Service, is_gone, wait_for

#: Jobs that wait or run at any time.
LOAD = 4
CARD_STEPS = 30


@dataclass(slots=True)
class Tally:
    """What happened."""

    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: list[str] = field(default_factory=list)
    doomed: list[psutil.Process] = field(default_factory=list)
    restarts_s: list[float] = field(default_factory=list)
    requeues_s: list[float] = field(default_factory=list)
    cancels_s: list[float] = field(default_factory=list)


def submit(service: Service, tally: Tally, chance: random.Random, **body: Any) -> None:
    """One job, asked for under one key until somebody acknowledges it."""
    key = f"soak {len(tally.acknowledged)} {chance.random()}"
    while True:
        try:
            tally.acknowledged.append(service.submit(key=key, **body))
        except (httpx.TransportError, httpx.HTTPStatusError):
            time.sleep(0.05)
        else:
            return


def open_jobs(service: Service) -> Sequence[dict[str, Any]]:
    queue = service.client.get("/api/v1/queue").raise_for_status().json()
    return [*queue["running"], *queue["waiting"]]


def kill_worker(service: Service, tally: Tally) -> None:
    running = [job["id"] for job in open_jobs(service) if job["status"] == "running"]
    for worker in service.workers():
        tally.doomed.append(worker)
        worker.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    tally.kills["worker"] += 1
    if running:
        attempts = service.generation(running[0])["attempts"]
        wait_for(lambda: _went_on(service, running[0], attempts), seconds=30)
        tally.requeues_s.append(time.monotonic() - killed)


def kill_fork_server(service: Service, tally: Tally) -> None:
    """Nobody's loss: its worker goes on."""
    for process in service.fork_servers():
        tally.doomed.append(process)
        process.send_signal(signal.SIGKILL)
        tally.kills["fork server"] += 1


def _went_on(service: Service, generation: str, attempts: int) -> bool:
    now = service.generation(generation)
    return bool(now["status"] != "running" or now["attempts"] > attempts)


def kill_server(service: Service, tally: Tally) -> None:
    tally.doomed += service.kill()
    tally.kills["server"] += 1
    began = time.monotonic()
    service.start()
    tally.restarts_s.append(time.monotonic() - began)


def cancel_something(service: Service, tally: Tally, chance: random.Random) -> None:
    jobs = open_jobs(service)
    if not jobs:
        return
    generation = chance.choice(jobs)["id"]
    began = time.monotonic()
    if service.client.post(f"/api/v1/generations/{generation}/cancel").status_code == 200:
        service.wait_until(generation, "cancelled", "completed", "failed", seconds=30)
        tally.cancels_s.append(time.monotonic() - began)


def soak(kills: int, chance: random.Random) -> bool:
    """Part one. Returns whether every promise was kept."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        service = Service(
            Path(folder) / "data", backend="synthetic", resume__interval=1,
            pipeline__card_step_s=0.05, log__level="WARNING",
        )  # fmt: skip
        service.start()
        began = time.monotonic()
        while sum(tally.kills.values()) < kills:
            while len(open_jobs(service)) < LOAD:
                submit(service, tally, chance, steps=CARD_STEPS, width=16, height=16, num_frames=5)
            time.sleep(chance.expovariate(1 / 0.7))
            if chance.random() < 0.1:
                cancel_something(service, tally, chance)
            if chance.random() < 0.2:
                kill_fork_server(service, tally)
            (kill_server if chance.random() < 0.5 else kill_worker)(service, tally)
        # So many deaths may have made the slot rest; whoever caused them knows that it is sound.
        service.client.post("/api/v1/queue/resume").raise_for_status()
        wait_for(lambda: not open_jobs(service), seconds=600)
        seconds = time.monotonic() - began
        return _judge(service, tally, seconds)


def _judge(service: Service, tally: Tally, seconds: float) -> bool:
    states = {g: service.generation(g) for g in tally.acknowledged}
    ended = Counter(state["status"] for state in states.values())
    codes = Counter(state["error"]["code"] for state in states.values() if state["error"])
    completed = {g for g, state in states.items() if state["status"] == "completed"}
    videos = [path.stem for path in (service.data_dir / "outputs").iterdir()]
    findings = service.audit()
    orphans = [process for process in tally.doomed if not is_gone(process)]
    repeated = [_repeated_steps(service, g) for g in tally.acknowledged]
    service.close()
    rows = {
        "kills": ", ".join(f"{n} of the {what}" for what, n in tally.kills.items()),
        "seconds": f"{seconds:.0f}",
        "acknowledged": len(states),
        "ended as": ", ".join(f"{count} {status}" for status, count in sorted(ended.items())),
        "failed with": ", ".join(f"{count} {code}" for code, count in codes.items()) or "nothing",
        "lost": len(tally.acknowledged) - sum(ended.values()),
        "videos that should not be, or are twice": len(videos) - len(completed & set(videos)),
        "completed without a video": len(completed - set(videos)),
        "left in staging": len(list((service.data_dir / "staging").iterdir())),
        "orphan processes": len(orphans),
        "findings of wan audit": findings or 0,
        "steps done again, per attempt after the first, worst": max(
            (worst for worst in repeated), default=0
        ),
        "a server's start after its death, median, worst": _spread(tally.restarts_s),
        "a job given back after its worker's death, median, worst": _spread(tally.requeues_s),
        "a cancel until it has ended, median, worst": _spread(tally.cancels_s),
    }
    for name, value in rows.items():
        print(f"{name:<58} {value}")
    broken = (
        [rows["lost"], rows["completed without a video"], len(orphans)],
        [rows["videos that should not be, or are twice"], rows["left in staging"], findings],
        [status for status in ended if status not in {"completed", "failed", "cancelled"}],
    )
    return not any(any(group) for group in broken)


def _repeated_steps(service: Service, generation: str) -> int:
    """The most steps that one attempt did again after an earlier one had done them."""
    reached, again, worst = 0, 0, 0
    for event in service.events(generation):
        if event["kind"] == "started":
            again = 0
        elif event["kind"] == "step":
            again += event["step"] <= reached
            reached, worst = max(reached, event["step"]), max(worst, again)
    return worst


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none"
    return f"{statistics.median(seconds):.2f} s, {max(seconds):.2f} s of {len(seconds)}"


def cut_videos(cuts: int, chance: random.Random) -> bool:
    """Part two. Returns whether every resumed video equals the unbroken one."""
    equal: Counter[str] = Counter()
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        service = Service(
            Path(folder) / "data", backend="diffusers", resume__interval=1, log__level="WARNING"
        )
        service.start()
        for seed in range(cuts):
            steps = chance.randint(8, 40)
            unbroken = service.submit(steps=steps, seed=seed)
            service.wait_until(unbroken, "completed")
            where = chance.choice(["denoising", "denoising", "denoising", "decoding"])
            cut = service.submit(steps=steps, seed=seed)
            _cut(service, cut, where, chance.randint(1, steps))
            done = service.wait_until(cut, "completed", "failed")
            kind = f"{where}, {'cut' if done['attempts'] > 1 else 'too quick to cut'}"
            total[kind] += 1
            equal[kind] += done["status"] == "completed" and (
                _frames(service, cut) == _frames(service, unbroken)
            )
        findings = service.audit()
        service.close()
    for kind, count in sorted(total.items()):
        print(f"mini videos, {kind:<40} {equal[kind]} of {count} equal to the unbroken run")
    print(f"{'findings of wan audit':<58} {findings or 0}")
    return equal == total and not findings


def _cut(service: Service, generation: str, stage: str, step: int) -> None:
    """Kill the worker, or every third time the server, once the job is there."""
    for event in service.follow(generation):
        past = event["stage"] in {"decoding", "encoding_video"} or event["status"] != "running"
        if past or (stage == "denoising" and event["kind"] == "step" and event["step"] >= step):
            break
    if step % 3 == 0:
        service.kill()
        service.start()
    else:
        for worker in service.workers():
            worker.send_signal(signal.SIGKILL)


def _frames(service: Service, generation: str) -> bytes:
    with av.open(str(service.data_dir / "outputs" / f"{generation}.mp4")) as container:
        return b"".join(frame.to_ndarray().tobytes() for frame in container.decode(video=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--cuts", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    parts: list[tuple[int, Callable[[int, random.Random], bool]]] = [
        (options.kills, soak),
        (options.cuts, cut_videos),
    ]
    kept = [part(count, random.Random(options.seed)) for count, part in parts if count]
    print("every promise was kept" if all(kept) else "A PROMISE WAS BROKEN")
    sys.exit(0 if all(kept) else 1)


if __name__ == "__main__":
    main()
