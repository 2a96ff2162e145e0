"""What does each preset cost? `python benchmarks/presets.py` measures it on the embedded checkpoints.

Each preset makes the same clips as the exact run, from the same prompts and seeds: how like they are (PSNR,
SSIM), how often they show what was asked (benchmarks/semantic.py), how many forwards and how much
processor time the denoising took. Writes `src/domain/preset_costs.py`, from which `wan presets`,
`GET /api/v1/presets` and docs/speed.md are made.
"""

import argparse
import datetime
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import adapters.embedded  # noqa: E402 - the root comes first
from adapters.diffusers.denoising import denoise  # noqa: E402
from adapters.diffusers.loading import load  # noqa: E402
from adapters.diffusers.streamed_decode import decode_frames, to_rgb  # noqa: E402
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog  # noqa: E402
from benchmarks.semantic import (  # noqa: E402
    Case,
    Outcome,
    held_out_cases,
    psnr_db,
    rights,
    run_cases,
    sign_test,
)
from domain.generation import GenerationDraft  # noqa: E402
from domain.inputs import NO_INPUTS  # noqa: E402
from domain.placement import ALL_ON_CPU  # noqa: E402
from domain.preset_costs import COSTS, MEASURED  # noqa: E402
from domain.presets import PRESETS, Preset, PresetCost, presets_of  # noqa: E402
from domain.structure import Precision  # noqa: E402
from tests.fakes.resume_points import FakeResumePoints  # noqa: E402
from training.judge import Frames  # noqa: E402

COSTS_FILE = ROOT / "src" / "domain" / "preset_costs.py"
CATALOG = FilesystemCheckpointCatalog([Path(adapters.embedded.__path__[0])])
_MEASURED = ("mini", "mini-ti2v")
_WINDOW = 7  # pixels: the side of SSIM's uniform window
_FIRST, _LAST = slice(0, _WINDOW), slice(-_WINDOW, None)
_STABLE = ((0.01 * 255) ** 2, (0.03 * 255) ** 2)


class Generator:
    """Our own pipeline on one checkpoint, with one preset after another."""

    def __init__(self, checkpoint: str) -> None:
        self._found = CATALOG.find(checkpoint)
        self.spec = self._found.spec
        self.begin(PRESETS[0])

    def begin(self, preset: Preset) -> None:
        """Use that one from now on, and count anew."""
        self.preset, self.frames, self.forwards, self.seconds = preset, list[Frames](), 0, 0.0
        precision = Precision(preset.precision or ALL_ON_CPU.precision)
        placement = replace(ALL_ON_CPU, precision=precision)
        self._loaded = load(self._found, placement, torch.device("cpu"))
        for transformer in (self._loaded.pipe.transformer, self._loaded.pipe.transformer_2):
            if transformer is not None:
                transformer.register_forward_hook(self._count)

    def _count(self, *_: Any) -> None:
        self.forwards += 1

    def __call__(self, case: Case) -> Frames:
        draft = GenerationDraft(prompt=case.prompt, seed=case.seed, preset=self.preset.name)
        request = draft.complete(self.spec, drawn_seed=0)
        prompts, pipe = self._loaded.prompts, self._loaded.pipe
        prompts.prepare([request.prompt, request.negative_prompt])
        begun = time.process_time()
        latents = denoise(
            pipe,
            request,
            lambda _progress: None,
            FakeResumePoints(),
            prompts=prompts,
            identity={},
            begun=None,
            inputs=NO_INPUTS,
            loras=self._loaded.loras,
        )
        self.seconds += time.process_time() - begun
        decoded = [to_rgb(pictures) for pictures in decode_frames(pipe.vae, latents)]
        pictures: Frames = torch.cat(decoded).numpy()
        self.frames.append(pictures)
        return pictures


def ssim(first: Frames, second: Frames) -> float:
    """Structural similarity of two images, (H, W) or (H, W, C), of 0 to 255; 1 where they are equal.

    Source: Wang et al. 2004, with the uniform window of 7 that scikit-image has by default.
    """
    a, b = first.astype(np.float64), second.astype(np.float64)
    mean_a, mean_b = _windows(a), _windows(b)
    sample = _WINDOW**2 / (_WINDOW**2 - 1)
    var_a = sample * (_windows(a * a) - mean_a**2)
    var_b = sample * (_windows(b * b) - mean_b**2)
    both = sample * (_windows(a * b) - mean_a * mean_b)
    c1, c2 = _STABLE
    likeness = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return float(np.mean(likeness / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))))


def _windows(image: np.ndarray) -> np.ndarray:
    """The mean of every whole window."""
    for axis in (0, 1):
        sums = np.cumsum(image, axis=axis)
        sums = np.insert(sums, 0, 0.0, axis=axis)
        later, sooner = (np.delete(sums, cut, axis=axis) for cut in (_FIRST, _LAST))
        image = (later - sooner) / _WINDOW
    return image


def measure(checkpoint: str, count: int, only: str | None) -> list[PresetCost]:
    """Every preset but the exact one, or the one of that name, against the exact one."""
    generate, cases = Generator(checkpoint), held_out_cases(count)
    generate(cases[0])  # warm
    generate.begin(PRESETS[0])
    exact = _run(generate, cases)
    frames, forwards, seconds = generate.frames, generate.forwards, generate.seconds
    costs = []
    for preset in presets_of(generate.spec)[1:]:
        if only not in {None, preset.name}:
            continue
        generate.begin(preset)
        shown = _run(generate, cases)
        costs.append(_cost(generate, exact, shown, frames, forwards=forwards, seconds=seconds))
        print(costs[-1], flush=True)
    return costs


def _run(generate: Generator, cases: Sequence[Case]) -> list[Outcome]:
    with tempfile.TemporaryDirectory() as folder:
        return run_cases(generate, cases, Path(folder))


def _cost(
    generate: Generator,
    exact: Sequence[Outcome],
    shown: Sequence[Outcome],
    frames: Sequence[Frames],
    *,
    forwards: int,
    seconds: float,
) -> PresetCost:
    was, now = rights(exact).all(axis=1), rights(shown).all(axis=1)
    lost, won = int((was & ~now).sum()), int((now & ~was).sum())
    pairs = list(zip(frames, generate.frames, strict=True))
    psnr = [psnr_db(before, after) for before, after in pairs]
    alike = [np.mean([ssim(a, b) for a, b in zip(*pair, strict=True)]) for pair in pairs]
    return PresetCost(
        preset=generate.preset.name,
        checkpoint=generate.spec.id,
        clips=len(shown),
        forwards=round(generate.forwards / forwards, 2),
        seconds=round(generate.seconds / seconds, 2),
        psnr_db=round(float(np.mean(psnr)), 1),
        worst_psnr_db=round(float(np.min(psnr)), 1),
        ssim=round(float(np.mean(alike)), 3),
        right_exactly=int(was.sum()),
        right=int(now.sum()),
        chance=round(sign_test(lost, won), 3),
    )


def write(costs: Sequence[PresetCost], how: str) -> None:
    """The module of what was measured."""
    lines = [
        '"""What each preset costs on the miniatures. Made by `python benchmarks/presets.py`, not by hand."""',
        "",
        "from typing import Final",
        "",
        "from domain.presets import PresetCost",
        "",
        f"MEASURED: Final = {_quoted(how)}",
        "",
        "COSTS: Final[tuple[PresetCost, ...]] = (",
    ]
    for cost in costs:
        lines.append("    PresetCost(")
        for name, value in asdict(cost).items():
            lines.append(f"        {name}={_quoted(value) if isinstance(value, str) else value},")
        lines.append("    ),")
    COSTS_FILE.write_text("\n".join([*lines, ")", ""]), encoding="utf-8")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'


def main() -> None:
    """Measure, and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=100, help="prompts per preset and checkpoint")
    parser.add_argument("--only", help="one preset; the costs of the others are kept as they are")
    parser.add_argument("--write", action="store_true", help="keep it as domain/preset_costs.py")
    options = parser.parse_args()
    costs = [cost for name in _MEASURED for cost in measure(name, options.clips, options.only)]
    if options.only:
        costs += [cost for cost in COSTS if cost.preset != options.only]
    order = [preset.name for preset in PRESETS]
    costs.sort(key=lambda cost: (_MEASURED.index(cost.checkpoint), order.index(cost.preset)))
    today = datetime.datetime.now(tz=datetime.UTC).date()
    device = f"{os.cpu_count()} CPUs, {platform.machine()}, {torch.get_num_threads()} thread"
    how = f"benchmarks/presets.py --clips {options.clips}, {device}, {today}"
    if options.only:
        how = f"{MEASURED}; {options.only}: --clips {options.clips}, {device}, {today}"
    if options.write:
        write(costs, how)


if __name__ == "__main__":
    main()
