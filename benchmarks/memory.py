"""Whether a worker gives back what it needs no more, and keeps nothing from job to job.

Run with: python benchmarks/memory.py [jobs]
Two measurements of one worker's resident memory, each taken once it is idle:
switching between `mini` and `mini-ti2v` again and again, where the latest must not lie beside the former; and
50 jobs of mixed kinds (both checkpoints, text, image, clip, LoRA, sizes, lengths, samplers, one cancelled in ten).
Targets: after the last switch at most 30 MB more than after the first two; a slope of at most 0.2 MB a job.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from safetensors.torch import save_file

from adapters.subprocess.channel import IDLE_S
from tests.e2e.service import Service
from tests.integration.clips import noisy_frames, video_file
from tests.integration.pictures import encoded

SWITCHES = 8
EVERY = 5  # jobs between two samples
WARM = 15  # jobs before the first sample that counts
STEPS = 3
MAX_GAIN_MB = 30.0
MAX_SLOPE_MB = 0.2


def resident_mb(service: Service) -> float:
    """The worker's, once it is idle."""
    time.sleep(IDLE_S + 0.5)
    (worker,) = service.workers()
    return float(worker.memory_info().rss / 1e6)


def make(service: Service, **body: Any) -> None:
    generation = service.submit(steps=STEPS, **body)
    done = service.wait_until(generation, "completed", "failed")
    assert done["status"] == "completed", done["error"]


def switches(service: Service) -> list[float]:
    """Resident after a video of each, in turn."""
    seen = []
    for _, checkpoint in zip(range(SWITCHES), cycle(("mini", "mini-ti2v")), strict=False):
        make(service, checkpoint=checkpoint, width=128, height=128)
        seen.append(resident_mb(service))
    return seen


def kinds(service: Service) -> Iterator[dict[str, Any]]:
    """For ever, each differing from the one before in more than a number."""
    image = _uploaded(service, encoded("PNG", (128, 128)), "image/png")
    clip = _uploaded(service, video_file(noisy_frames(17, (64, 64)), fps=8), "video/mp4")
    lora = [{"name": "random", "strength": 0.5}]
    bodies: list[dict[str, Any]] = [
        {"width": 128, "height": 128},
        {"checkpoint": "mini-ti2v", "image": image, "width": 128, "height": 128},
        {"width": 64, "height": 96, "num_frames": 9, "loras": lora},
        {"video": clip, "strength": 0.6, "num_frames": 17},
        {"checkpoint": "mini-ti2v", "width": 64, "height": 64, "num_frames": 5},
        {"num_frames": 33, "scheduler": "euler"},
        {"width": 128, "height": 64, "scheduler": "dpm++", "guidance_high_noise": 1},
    ]
    for number, body in enumerate(cycle(bodies)):
        yield {**body, "prompt": f"a red circle, number {number}", "seed": number}


def jobs(service: Service, count: int) -> list[tuple[int, float]]:
    """How many jobs were made, and what was resident then."""
    seen = []
    for number, body in zip(range(1, count + 1), kinds(service), strict=False):
        if number % 10 == 0:
            generation = service.submit(steps=60, prompt="to be cancelled")
            service.wait_for_step(generation, 2)
            service.client.post(f"/api/v1/generations/{generation}/cancel").raise_for_status()
            service.wait_until(generation, "cancelled")
        make(service, **body)
        if number % EVERY == 0:
            seen.append((number, resident_mb(service)))
    return seen


def save_lora(folder: Path) -> None:
    """Of random numbers, for every block of `mini`."""
    folder.mkdir(exist_ok=True)
    tensors = {
        f"diffusion_model.blocks.{block}.{layer}.lora_{part}.weight": torch.randn(shape) * 0.01
        for block in range(5)
        for layer, inputs in (("self_attn.q", 160), ("ffn.2", 416))
        for part, shape in (("down", (4, inputs)), ("up", (160, 4)))
    }
    save_file(tensors, folder / "random.safetensors")


def _uploaded(service: Service, content: bytes, kind: str) -> str:
    answer = service.client.post(
        "/api/v1/uploads", content=content, headers={"content-type": kind}
    ).raise_for_status()
    return str(answer.json()["id"])


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "data"
        service = Service(data_dir, backend="diffusers", log__level="WARNING", workers=1)
        service.start()
        try:
            save_lora(data_dir / "loras")
            make(service, width=128, height=128)  # by a worker that has just been forked
            workers = service.workers()
            switched = switches(service)
            made = jobs(service, count)
            assert service.workers() == workers, "the worker was replaced: nothing was measured"
        finally:
            service.close()
    gain = max(switched[-2:]) - max(switched[:2])
    told = ", ".join(f"{megabytes:.0f}" for megabytes in switched)
    print(f"mini, mini-ti2v in turn     {told} MB: {gain:+.0f} MB (at most {MAX_GAIN_MB:+.0f})")
    told = ", ".join(f"{megabytes:.0f}" for _, megabytes in made)
    steady = [(number, megabytes) for number, megabytes in made if number >= WARM]
    slope = statistics.linear_regression(*zip(*steady, strict=True)).slope
    print(f"every {EVERY} of {count} mixed jobs    {told} MB")
    print(f"slope from job {WARM} on        {slope:+.3f} MB a job (at most {MAX_SLOPE_MB:+.1f})")
    if gain > MAX_GAIN_MB or slope > MAX_SLOPE_MB:
        sys.exit("It leaks.")


if __name__ == "__main__":
    main()
