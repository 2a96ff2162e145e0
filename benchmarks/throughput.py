"""Whether a full queue makes videos faster than a plain script that has the model loaded.

Run with: python benchmarks/throughput.py [rounds]
Eight videos of `mini` with eight prompts, in turn: by eight calls of a plain script (`WanPipeline`, loaded,
and PyAV), and through the service, its worker warm (eight POSTs, queue, worker, publication), from the first
POST to the last video. Every round has new prompts, so that no embedding of them is known. The first one, which is
not counted, starts the spare worker too, where there is one. The pictures in both files of each video must be equal. Target: ratio below 0.95.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice, product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import av
import numpy as np
import torch
from diffusers import WanPipeline

import adapters.embedded
from adapters.pyav.video_encoder import PyAvVideoEncoder
from benchmarks.video_file import read_mp4
from domain.checkpoint import checkpoint_spec
from domain.video import FrameChunk
from tests.e2e.service import Service
from training.judge import Frames

DEFAULTS = checkpoint_spec("mini").defaults
QUEUED = 8


def prompts() -> Iterator[str]:
    """Many, all different."""
    words = product(("red", "green", "blue", "yellow"), ("circle", "square", "star", "triangle"),
                    ("left", "right", "up", "down"))  # fmt: skip
    for colour, shape, motion in words:
        yield f"a {colour} {shape} moving {motion} on a black background"


def plain_script(folder: Path) -> Callable[[str, int], Frames]:
    """What a user of diffusers writes: the pictures, and a file of them."""
    pipe = WanPipeline.from_pretrained(
        Path(adapters.embedded.__path__[0]) / "mini", dtype=torch.float32
    )
    pipe.set_progress_bar_config(disable=True)

    def make(prompt: str, seed: int) -> Frames:
        frames = pipe(
            prompt=prompt,
            negative_prompt=DEFAULTS.negative_prompt,
            width=DEFAULTS.width,
            height=DEFAULTS.height,
            num_frames=DEFAULTS.num_frames,
            num_inference_steps=DEFAULTS.steps,
            guidance_scale=DEFAULTS.guidance_high_noise,
            guidance_scale_2=DEFAULTS.guidance_low_noise,
            generator=torch.Generator().manual_seed(seed),
        ).frames[0]
        pictures: Frames = (frames * 255).round().astype(np.uint8)
        with av.open(str(folder / "plain.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=DEFAULTS.fps, options={"crf": "18"})
            stream.width, stream.height, stream.pix_fmt = DEFAULTS.width, DEFAULTS.height, "yuv420p"
            for picture in pictures:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
        return pictures

    return make


def queued(service: Service, asked: list[tuple[str, int]]) -> list[str]:
    """All of them at once; returns their ids when the last is published."""
    ids = [
        service.submit(prompt=prompt, seed=seed, width=DEFAULTS.width, height=DEFAULTS.height)
        for prompt, seed in asked
    ]
    for generation_id in ids:
        last = service.events(generation_id)[-1]
        assert last["kind"] == "completed", last
    return ids


def _all(script: Callable[[str, int], Frames], asked: list[tuple[str, int]]) -> list[Frames]:
    return [script(prompt, seed) for prompt, seed in asked]


def timed(make: Callable[[], Any], cpu_s: Callable[[], float]) -> tuple[float, float, Any]:
    """Seconds, those of the processors, and what was made."""
    began, spent = time.monotonic(), cpu_s()
    made = make()
    return time.monotonic() - began, cpu_s() - spent, made


def cpu_seconds_of(service: Service) -> float:
    """The server's and its workers', so far."""
    times = [process.cpu_times() for process in (service.process, *service.workers())]
    return float(sum(each.user + each.system for each in times))


def check(service: Service, ids: list[str], plain: list[Frames], folder: Path) -> None:
    """That both made the same pictures: written by the same encoder, they are read back alike."""
    for number, (generation_id, pictures) in enumerate(zip(ids, plain, strict=True)):
        ours, theirs = folder / f"{number}.mp4", folder / f"{number}.plain.mp4"
        answer = service.client.get(f"/api/v1/outputs/{generation_id}/video").raise_for_status()
        ours.write_bytes(answer.content)
        num_frames, height, width, _ = pictures.shape
        chunk = FrameChunk(
            rgb=np.ascontiguousarray(pictures).data,
            num_frames=num_frames,
            height=height,
            width=width,
        )
        PyAvVideoEncoder().encode([chunk], theirs, fps=DEFAULTS.fps, metadata={})
        assert np.array_equal(read_mp4(ours), read_mp4(theirs)), f"{generation_id} differs"


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    asked = list(enumerate(islice(prompts(), QUEUED * (rounds + 1))))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        service = Service(folder / "data", backend="diffusers")
        service.start()
        script = plain_script(folder)
        ratios = []
        for number in range(rounds + 1):
            batch = [(prompt, seed) for seed, prompt in asked[number * QUEUED :][:QUEUED]]
            script_s, script_cpu_s, plain = timed(partial(_all, script, batch), time.process_time)
            queue_s, queue_cpu_s, ids = timed(
                partial(queued, service, batch), partial(cpu_seconds_of, service)
            )
            check(service, ids, plain, folder)
            if number:  # the first warms both
                ratios.append(queue_s / script_s)
                print(f"round {number}: script {script_s:.2f} s (CPU {script_cpu_s:.2f} s), "
                      f"queue {queue_s:.2f} s (CPU {queue_cpu_s:.2f} s), "
                      f"ratio {ratios[-1]:.3f}", flush=True)  # fmt: skip
        workers = len(service.workers())
        service.close()
    threads = os.environ.get("OMP_NUM_THREADS", "as many as torch likes")
    print(f"{QUEUED} videos, {os.cpu_count()} cores, threads of the script: {threads}, "
          f"workers of the queue: {workers}; same pictures; "
          f"median ratio {statistics.median(ratios):.3f} (target: below 0.95)")  # fmt: skip


if __name__ == "__main__":
    main()
