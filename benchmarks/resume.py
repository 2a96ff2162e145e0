"""What saving resume points costs, as a share of a run's denoising time.

Run with: python benchmarks/resume.py
Saving is timed from the step's end until the point is durable: copying, serialising, hashing, fsync. First
`mini` as it ships, then a random A14B of middling size, each at the default interval (which, in runs this
short, comes to the last step alone) and after every step. Then one point of the size that A14B has at
1280x720x81; the default interval saves one a minute at most. Target: 2 % at the default interval.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from diffusers import WanTransformer3DModel

import adapters.embedded
from adapters.diffusers.denoising import denoise
from adapters.diffusers.loading import load
from adapters.diffusers.run_state import RunState, to_bytes
from adapters.diffusers.step_memory import StepMemory
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from adapters.filesystem.resume_store import FilesystemResumeStore
from adapters.system.clock import SystemClock
from application.resume_points import MIN_INTERVAL_S, Interval, KeepResumePoints
from domain.checkpoint import checkpoint_spec
from domain.generation import GenerationDraft, GenerationRequest
from domain.inputs import NO_INPUTS
from domain.placement import ALL_ON_CPU
from domain.rendering import RenderOrder
from domain.resume import ResumePoints
from tests.fakes.resume_points import FakeResumePoints

DEFAULT = GenerationDraft(prompt="a red circle moving right").complete(
    checkpoint_spec("mini"), drawn_seed=7
)
MIDDLING = replace(DEFAULT, width=256, height=256, steps=6)
INTERVALS: tuple[Interval, ...] = ("auto", 1)


class Timed(ResumePoints):
    """Resume points that know how long saving them took."""

    def __init__(self, inner: ResumePoints) -> None:
        self._inner = inner
        self._due_at = 0.0
        self.seconds = 0.0
        self.saved = 0

    def load(self) -> bytes | None:
        return self._inner.load()

    def accept(self, step: int) -> None:
        self._inner.accept(step)

    def reject(self, reason: str) -> None:
        self._inner.reject(reason)

    def is_due(self, step: int, steps: int) -> bool:
        self._due_at = time.perf_counter()
        return self._inner.is_due(step, steps)

    def save(self, step: int, state: bytes) -> None:
        self._inner.save(step, state)
        self.seconds += time.perf_counter() - self._due_at
        self.saved += 1


def middling_expert() -> WanTransformer3DModel:
    """One expert of 6 layers, 768 wide."""
    return WanTransformer3DModel(
        num_attention_heads=12,
        attention_head_dim=64,
        in_channels=16,
        out_channels=16,
        text_dim=128,
        ffn_dim=2048,
        num_layers=6,
    ).eval()


def measure(
    name: str, run: Callable[[ResumePoints], object], interval: Interval, folder: Path
) -> None:
    keeper = KeepResumePoints(FilesystemResumeStore(folder), SystemClock(), interval)
    order = RenderOrder(job_id="bench", fence=1, request=DEFAULT)
    points = Timed(keeper.begin(order, lambda _progress: None, lambda: False))
    began = time.perf_counter()
    run(points)
    run_s = time.perf_counter() - began
    share = points.seconds / (run_s - points.seconds)
    print(
        f"{name:<9} {interval!s:<5} {points.saved:>2} saved, {1000 * points.seconds:6.1f} ms "
        f"of {run_s:6.2f} s: {share:.2%}"
    )


def one_large_point(folder: Path) -> None:
    latents = [torch.randn(1, 16, 21, 90, 160) for _ in range(4)]
    history = StepMemory(
        tensors={f"model_outputs.{i}": latent for i, latent in enumerate(latents[1:])}, numbers={}
    )
    state = RunState(step=1, latents=latents[0], history=history)
    began = time.perf_counter()
    saved = to_bytes(state, {})
    FilesystemResumeStore(folder).keep("large", 1, saved)
    seconds = time.perf_counter() - began
    print(
        f"1280x720x81: one point of {len(saved) / 1e6:.0f} MB takes {seconds:.2f} s, "
        f"at most {seconds / MIN_INTERVAL_S:.2%} of a run"
    )


def main() -> None:
    catalog = FilesystemCheckpointCatalog([Path(adapters.embedded.__path__[0])])
    loaded = load(catalog.find("mini"), ALL_ON_CPU, torch.device("cpu"))
    pipe = loaded.pipe

    def run(request: GenerationRequest, points: ResumePoints) -> object:
        return denoise(
            pipe,
            request,
            lambda _p: None,
            points,
            prompts=loaded.prompts,
            identity={},
            begun=None,
            inputs=NO_INPUTS,
            loras=loaded.loras,
        )

    with tempfile.TemporaryDirectory(prefix=".bench-", dir=".") as folder:
        run(DEFAULT, FakeResumePoints())  # warm
        for interval in INTERVALS:
            measure("mini", lambda points: run(DEFAULT, points), interval, Path(folder))
        pipe.transformer, pipe.transformer_2 = middling_expert(), middling_expert()
        for interval in INTERVALS:
            measure("middling", lambda points: run(MIDDLING, points), interval, Path(folder))
        one_large_point(Path(folder))


if __name__ == "__main__":
    main()
