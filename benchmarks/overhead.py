"""What queue, processes, durability and HTTP cost on top of making the video itself.

Run with: python benchmarks/overhead.py [runs]
The same request is made in turn by a plain script (`WanPipeline`, loaded, and PyAV) and through the
service (POST, queue, worker, publication, last event), its worker warm. Target: 5 % + 0.3 s.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import av
import numpy as np
import torch
from diffusers import WanPipeline

import adapters.embedded
from domain.checkpoint import checkpoint_spec
from tests.e2e.service import Service

PROMPT = "a red circle moving right on a blue background"
DEFAULTS = checkpoint_spec("mini").defaults


def plain_script(folder: Path) -> Callable[[], None]:
    pipe = WanPipeline.from_pretrained(
        Path(adapters.embedded.__path__[0]) / "mini", dtype=torch.float32
    )
    pipe.set_progress_bar_config(disable=True)

    def make() -> None:
        frames = pipe(
            prompt=PROMPT,
            negative_prompt=DEFAULTS.negative_prompt,
            width=DEFAULTS.width,
            height=DEFAULTS.height,
            num_frames=DEFAULTS.num_frames,
            num_inference_steps=DEFAULTS.steps,
            guidance_scale=DEFAULTS.guidance_high_noise,
            guidance_scale_2=DEFAULTS.guidance_low_noise,
            generator=torch.Generator().manual_seed(7),
        ).frames[0]
        with av.open(str(folder / "plain.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=DEFAULTS.fps, options={"crf": "18"})
            stream.width, stream.height, stream.pix_fmt = DEFAULTS.width, DEFAULTS.height, "yuv420p"
            for picture in (frames * 255).round().astype(np.uint8):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))

    return make


def through_the_service(service: Service) -> Callable[[], None]:
    def make() -> None:
        events = service.events(
            service.submit(prompt=PROMPT, seed=7, width=DEFAULTS.width, height=DEFAULTS.height)
        )
        assert events[-1]["kind"] == "completed", events[-1]

    return make


def timed(make: Callable[[], None]) -> float:
    began = time.monotonic()
    make()
    return time.monotonic() - began


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder) / "data", backend="diffusers")
        service.start()
        plain, served = plain_script(Path(folder)), through_the_service(service)
        plain(), served()  # both warm
        seconds = [(timed(plain), timed(served)) for _ in range(runs)]
        service.close()
    script = statistics.median(first for first, _ in seconds)
    service_s = statistics.median(second for _, second in seconds)
    print(f"plain script  median {script:.3f} s of {runs}")
    print(f"service       median {service_s:.3f} s of {runs}")
    print(f"ratio {service_s / script:.3f}, difference {service_s - script:+.3f} s "
          f"(allowed: {0.05 * script + 0.3:.3f} s)")  # fmt: skip


if __name__ == "__main__":
    main()
