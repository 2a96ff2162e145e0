"""What weights of fewer bits cost the picture: frames of `mini` against those of its own weights.

    python benchmarks/weight_precision.py [--clips 5]

Each way of keeping numbers is applied to the matrices of the blocks and undone, as a layer undoes it at each
use. All sums are in fp32, so that nothing is seen but what the weights lost. `mini` is small and its rows are
short: the order is what carries over to larger ones, not the decibels.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch

import adapters.embedded
from adapters.diffusers.int8_weights import to_int8
from adapters.diffusers.video_pipeline import DiffusersVideoPipeline
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from domain.checkpoint import checkpoint_spec
from domain.generation import GenerationDraft
from domain.placement import ALL_ON_CPU
from domain.run import Run

MINI = FilesystemCheckpointCatalog([Path(adapters.embedded.__path__[0])]).find("mini")
SPEC = checkpoint_spec("mini")
Way = Callable[[torch.Tensor], torch.Tensor]
Frames = np.ndarray[Any, np.dtype[np.float64]]


class NothingKept:
    """A run that keeps no resume point."""

    def load(self) -> bytes | None:
        return None

    def accept(self, step: int) -> None:
        raise AssertionError("nothing was kept")

    def reject(self, reason: str) -> None:
        raise AssertionError(reason)

    def is_due(self, step: int, steps: int) -> bool:
        return False

    def save(self, step: int, state: bytes) -> None:
        raise AssertionError("nothing is due")


def in_int8(weight: torch.Tensor) -> torch.Tensor:
    whole, scale = to_int8(weight)
    return (whole * scale.float()).flatten(1)


def in_int8_by_rows(weight: torch.Tensor) -> torch.Tensor:
    scale = weight.abs().amax(dim=1, keepdim=True) / 127
    return (weight / scale).round() * scale


def in_scaled_fp8(weight: torch.Tensor) -> torch.Tensor:
    scale = weight.abs().amax(dim=1, keepdim=True) / torch.finfo(torch.float8_e4m3fn).max
    return (weight / scale).to(torch.float8_e4m3fn).float() * scale


def in_blocks(kind: gguf.GGMLQuantizationType) -> Way:
    def undone(weight: torch.Tensor) -> torch.Tensor:
        kept = gguf.quants.quantize(weight.numpy(), kind)
        return torch.from_numpy(gguf.quants.dequantize(kept, kind).copy())

    return undone


WAYS: Mapping[str, tuple[float, Way]] = {
    "bf16": (16, lambda weight: weight.bfloat16().float()),
    "int8 as it is planned": (8.5, in_int8),
    "int8, a scale a row": (8, in_int8_by_rows),
    "fp8 (e4m3), a scale a row": (8, in_scaled_fp8),
    "fp8 (e4m3) as it is": (8, lambda weight: weight.to(torch.float8_e4m3fn).float()),
} | {
    f"GGUF {kind.name}": (8 * size / length, in_blocks(kind))
    for kind in (
        gguf.GGMLQuantizationType.Q8_0,
        gguf.GGMLQuantizationType.Q5_1,
        gguf.GGMLQuantizationType.Q5_0,
        gguf.GGMLQuantizationType.Q4_1,
        gguf.GGMLQuantizationType.Q4_0,
    )
    for length, size in (gguf.GGML_QUANT_SIZES[kind],)
}


def matrices(pipeline: DiffusersVideoPipeline) -> Iterator[torch.nn.Linear]:
    """Of the blocks of a freshly loaded checkpoint."""
    pipeline.close()
    pipe: Any = pipeline._ready(MINI, ALL_ON_CPU).pipe  # noqa: SLF001 - what no caller may do
    for expert in (pipe.transformer, pipe.transformer_2):
        yield from (m for m in expert.blocks.modules() if isinstance(m, torch.nn.Linear))


def clips(pipeline: DiffusersVideoPipeline, count: int) -> list[Frames]:
    made = []
    for number in range(count):
        prompt = SPEC.prompts[number % len(SPEC.prompts)]
        request = GenerationDraft(prompt=prompt, seed=100 + number).complete(SPEC, drawn_seed=0)
        run = Run(request=request, checkpoint=MINI, placement=ALL_ON_CPU)
        chunks = pipeline.generate(run, lambda _: None, NothingKept())
        pixels = b"".join(chunk.rgb.tobytes() for chunk in chunks)
        made.append(np.frombuffer(pixels, np.uint8).astype(np.float64))
    return made


def decibels(signal: float, noise: float) -> float:
    return 10 * math.log10(signal / noise)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=5)
    count = parser.parse_args().clips
    pipeline = DiffusersVideoPipeline(torch.device("cpu"))
    exact = clips(pipeline, count)
    print(
        "| weights | bits a number | weights, dB | frames, PSNR: mean (worst) |\n|---|---|---|---|"
    )
    for name, (bits, way) in WAYS.items():
        signal = noise = 0.0
        for layer in matrices(pipeline):
            kept = way(layer.weight.data)
            signal += float((layer.weight.data**2).sum())
            noise += float(((kept - layer.weight.data) ** 2).sum())
            layer.weight.data = kept
        errors = (((a - b) ** 2).mean() for a, b in zip(clips(pipeline, count), exact, strict=True))
        told = [decibels(255**2, float(error)) for error in errors]
        mean = sum(told) / count
        print(
            f"| {name} | {bits:g} | {decibels(signal, noise):.1f} | {mean:.1f} ({min(told):.1f}) |"
        )


if __name__ == "__main__":
    main()
