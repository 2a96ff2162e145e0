"""What a preview costs: one of each size by itself, and all of a run against that run without any.

    OMP_NUM_THREADS=1 python benchmarks/previews.py [--runs 5]

Processor seconds, of everything in this process. The fit is once for each checkpoint that is loaded.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

import adapters.embedded
from adapters.diffusers.latent_previews import LatentColours, fit_colours
from adapters.diffusers.video_pipeline import DiffusersVideoPipeline
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from adapters.pillow.preview_file import encode_preview
from domain.generation import GenerationDraft
from domain.previews import PreviewMaking
from domain.rendering import Previewed, RenderProgress
from domain.run import Run
from tests.fakes.resume_points import FakeResumePoints

MINI = FilesystemCheckpointCatalog([Path(adapters.embedded.__path__[0])]).find("mini")
#: Latents by channels, frames, rows and columns: `mini`, A14B at 832x480x81 and 1280x720x81, the 5B's.
SIZES = {
    "mini 128x128x17": (16, 5, 16, 16),
    "A14B 832x480x81": (16, 21, 60, 104),
    "A14B 1280x720x81": (16, 21, 90, 160),
    "5B 1280x704x121": (48, 31, 44, 80),
}


def one(shape: tuple[int, ...]) -> tuple[float, int]:
    """Seconds, and bytes, of one preview of smooth latents."""
    dice = torch.Generator().manual_seed(0)
    coarse = torch.randn(1, shape[0], 2, 6, 10, generator=dice)
    latents = torch.nn.functional.interpolate(coarse, size=shape[1:], mode="trilinear")
    colours = LatentColours(weights=torch.randn(shape[0] + 1, 3, generator=dice) * 0.1 + 0.03)
    began = time.process_time()
    image = encode_preview(colours.pictures(latents), duration_s=5.0)
    return time.process_time() - began, len(image)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    for name, shape in SIZES.items():
        took = [one(shape) for _ in range(runs + 1)][1:]
        median = statistics.median(seconds for seconds, _ in took)
        print(f"{name:18} {median * 1000:6.1f} ms  {took[0][1]:6} bytes")

    request = GenerationDraft(prompt="a red circle moving right").complete(MINI.spec, drawn_seed=7)
    plain = DiffusersVideoPipeline()
    seen = DiffusersVideoPipeline(previews=PreviewMaking(encode=encode_preview, interval_s=0.0))
    heard: list[RenderProgress] = []
    seconds: dict[str, list[float]] = {"plain": [], "seen": []}
    for number in range(runs + 1):
        for name, pipeline in (("plain", plain), ("seen", seen)):
            began = time.process_time()
            for _ in pipeline.generate(
                Run(request=request, checkpoint=MINI), heard.append, FakeResumePoints()
            ):
                pass
            if number:  # the first one loads
                seconds[name].append(time.process_time() - began)
    without, with_them = (statistics.median(taken) for taken in seconds.values())
    shown = sum(isinstance(told, Previewed) for told in heard) / (runs + 1)
    print(
        f"a mini video: {without:.3f} s, with {shown:.1f} previews {with_them:.3f} s: "
        f"{(with_them / without - 1) * 100:+.1f} %"
    )
    assert seen._loaded is not None  # noqa: SLF001 - to fit to its VAE again
    began = time.process_time()
    fit_colours(seen._loaded.pipe.vae)  # noqa: SLF001
    print(f"fitting mini's colours: {(time.process_time() - began) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
