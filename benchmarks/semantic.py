"""Does the video show what was asked? `python benchmarks/semantic.py` prints the answer.

Generates prompts whose combination of shape, colour, background and motion training never saw,
judges the decoded MP4 (benchmarks/judge.py), and runs the controls that show the figures mean
something: other clips' prompts, no guidance, exchanged experts, a negative prompt.
"""

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.judge import Frames, Sighting, look_at  # noqa: E402 - the root comes first
from benchmarks.video_file import read_mp4, write_mp4  # noqa: E402
from training.captions import plain_caption, sample_full_caption  # noqa: E402
from training.rendering import render  # noqa: E402
from training.scenes import Scene, sample_scene  # noqa: E402
from training.vocabulary import (  # noqa: E402
    MOTIONS,
    SHAPES,
    Combination,
    combinations,
    is_held_out,
)

EMBEDDED = ROOT / "src" / "adapters" / "embedded"
SIDE_PX, FRAMES, FPS = 128, 17, 8
STEPS = 12
GUIDANCE_HIGH_NOISE = 4.0
GUIDANCE_LOW_NOISE = 4.0
ATTRIBUTES = Combination._fields
_SHEET_COLUMNS, _SHEET_MOMENTS = 4, (0, 4, 8, 12, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One prompt and what it asks for.

    Attributes:
        image: (H, W, 3) first frame for image to video; absent for text to video.
        experts: which expert serves the (high, low) noise levels; swapped only by a control.
    """

    prompt: str
    asked: Combination
    seed: int
    image: Frames | None = None
    negative_prompt: str = ""
    guidance_high_noise: float = GUIDANCE_HIGH_NOISE
    guidance_low_noise: float = GUIDANCE_LOW_NOISE
    steps: int = STEPS
    experts: tuple[str, str] = ("high", "low")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A case with the frames of its decoded MP4 and what the judge saw in them."""

    case: Case
    frames: Frames
    sighting: Sighting


Generate = Callable[[Case], Frames]
"""Frames of one case, uint8 (T, H, W, 3); the one thing to replace to judge another program."""


class DiffusersGenerator:
    """The stock diffusers pipelines on an embedded checkpoint."""

    def __init__(self, folder: Path) -> None:
        from diffusers import WanImageToVideoPipeline, WanPipeline

        self._text = WanPipeline.from_pretrained(folder, dtype=torch.float32)
        self._text.set_progress_bar_config(disable=True)
        self._experts = {"high": self._text.transformer, "low": self._text.transformer_2}
        self._image: Any = None
        if self._text.config.expand_timesteps:
            self._image = WanImageToVideoPipeline(
                **self._text.components, expand_timesteps=True, boundary_ratio=None
            )
            self._image.set_progress_bar_config(disable=True)

    def __call__(self, case: Case) -> Frames:
        arguments = {
            "prompt": case.prompt,
            "negative_prompt": case.negative_prompt,
            "height": SIDE_PX,
            "width": SIDE_PX,
            "num_frames": FRAMES,
            "num_inference_steps": case.steps,
            "guidance_scale": case.guidance_high_noise,
            "generator": torch.Generator().manual_seed(case.seed),
        }
        if self._text.config.boundary_ratio is not None:
            arguments["guidance_scale_2"] = case.guidance_low_noise
            self._text.transformer = self._experts[case.experts[0]]
            self._text.transformer_2 = self._experts[case.experts[1]]
        if case.image is None:
            frames = self._text(**arguments).frames[0]
        else:
            frames = self._image(image=Image.fromarray(case.image), **arguments).frames[0]
        pictures: Frames = (frames * 255.0).round().astype(np.uint8)
        return pictures


def held_out_cases(count: int, *, with_image: bool = False, seed: int = 2024) -> list[Case]:
    """Cases training never saw, balanced over shapes and motions; every second in free wording."""
    rng = np.random.default_rng(seed)
    unseen = [c for c in combinations() if is_held_out(c)]
    pairs = [(shape, motion) for shape in SHAPES for motion in MOTIONS]
    order = [pairs[i] for i in rng.permutation(len(pairs))]
    cases = []
    for index in range(count):
        shape, motion = order[index % len(order)]
        fitting = [c for c in unseen if c.shape == shape and c.motion == motion]
        asked = fitting[int(rng.integers(len(fitting)))]
        scene = sample_scene(asked, rng)
        plain = index % 2 == 0
        prompt = plain_caption(asked) if plain else sample_full_caption(scene, rng)
        image = _first_frame(scene) if with_image else None
        cases.append(Case(prompt=prompt, asked=asked, seed=index, image=image))
    return cases


def _first_frame(scene: Scene) -> Frames:
    drawn = render([scene], frames=FRAMES, side_px=SIDE_PX).pixels[0, :, 0]
    return ((drawn + 1.0) * 127.5).round().byte().permute(1, 2, 0).numpy()


def run_cases(generate: Generate, cases: Sequence[Case], folder: Path) -> list[Outcome]:
    """Generate, write, read back and judge each case."""
    outcomes = []
    for index, case in enumerate(cases):
        path = folder / f"{index:03d}.mp4"
        write_mp4(generate(case), path, fps=FPS)
        frames = read_mp4(path)
        outcomes.append(Outcome(case=case, frames=frames, sighting=look_at(frames)))
    return outcomes


def rights(outcomes: Sequence[Outcome], *, against_next_prompt: bool = False) -> np.ndarray:
    """(N, 4) booleans: which attributes were right, or would be for the next clip's prompt."""
    asked = [outcome.case.asked for outcome in outcomes]
    if against_next_prompt:
        asked = asked[1:] + asked[:1]
    shown = [outcome.sighting.shown for outcome in outcomes]
    return np.asarray(
        [[a == b for a, b in zip(*p, strict=True)] for p in zip(asked, shown, strict=True)]
    )


def wilson(right: int, count: int) -> tuple[float, float]:
    """95 % interval of a share. Source: Wilson 1927."""
    z = 1.96
    share = right / count
    centre = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (centre - spread) / (1 + z * z / count), (centre + spread) / (1 + z * z / count)


def print_row(name: str, right: np.ndarray) -> None:
    """One line: the share of each attribute and of all four, with its interval."""
    columns = [*right.T, right.all(axis=1)]
    cells = []
    for column in columns:
        low, high = wilson(int(column.sum()), len(column))
        cells.append(f"{100 * column.mean():5.1f} [{100 * low:3.0f}-{100 * high:3.0f}]")
    print(f"| {name:34s} | {len(right):4d} | " + " | ".join(cells) + " |", flush=True)


def print_heading() -> None:
    """The table's head, for `print_row`."""
    print(
        f"| {'':34s} |    n | " + " | ".join(f"{a:14s}" for a in (*ATTRIBUTES, "all four")) + " |"
    )
    print("|---|---|" + "---|" * 5, flush=True)


def psnr_db(first: Frames, second: Frames) -> float:
    """Peak signal to noise ratio of two images."""
    error = float(np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2))
    return float(10 * np.log10(255.0**2 / max(error, 1e-9)))


def contact_sheet(outcomes: Sequence[Outcome], path: Path) -> None:
    """Five moments of each clip with its prompt, four clips a row."""
    cell_w, cell_h = SIDE_PX * len(_SHEET_MOMENTS) + 8, SIDE_PX + 16
    rows = -(-len(outcomes) // _SHEET_COLUMNS)
    sheet = Image.new("RGB", (_SHEET_COLUMNS * cell_w, rows * cell_h), "white")
    draw = ImageDraw.Draw(sheet)
    for index, outcome in enumerate(outcomes):
        left, top = index % _SHEET_COLUMNS * cell_w, index // _SHEET_COLUMNS * cell_h
        right = outcome.sighting.shown == outcome.case.asked
        draw.text((left + 2, top), outcome.case.prompt[:52], fill="black" if right else "red")
        for place, moment in enumerate(_SHEET_MOMENTS):
            still = Image.fromarray(outcome.frames[moment])
            sheet.paste(still, (left + place * SIDE_PX, top + 13))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def measure_text_to_video(generate: Generate, count: int, sheet: Path, name: str) -> list[Outcome]:
    """The main figure and its chance level, with a contact sheet."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        outcomes = run_cases(generate, held_out_cases(count), Path(folder))
        seconds = (time.monotonic() - begun) / count
    print_row(f"{name}, text to video", rights(outcomes))
    plain = rights(outcomes)[0::2]
    print_row("  plain wording", plain)
    print_row("  free wording", rights(outcomes)[1::2])
    print_row("  against the next clip's prompt", rights(outcomes, against_next_prompt=True))
    print(f"| {seconds:.2f} s per clip, generated, encoded, decoded and judged |", flush=True)
    contact_sheet(outcomes[:48], sheet)
    return outcomes


def measure_controls(generate: Generate, count: int, *, experts: bool) -> None:
    """What must hurt if guidance, the experts' split and the negative prompt work."""
    cases = held_out_cases(count)
    variants: list[tuple[str, list[Case]]] = [
        ("  the same, as shipped", cases),
        (
            "  guidance 1",
            [replace(c, guidance_high_noise=1.0, guidance_low_noise=1.0) for c in cases],
        ),
        ("  negative prompt = the prompt", [replace(c, negative_prompt=c.prompt) for c in cases]),
    ]
    if experts:
        variants += [
            ("  high-noise expert for all", [replace(c, experts=("high", "high")) for c in cases]),
            ("  low-noise expert for all", [replace(c, experts=("low", "low")) for c in cases]),
            ("  experts exchanged", [replace(c, experts=("low", "high")) for c in cases]),
        ]
    for name, varied in variants:
        with tempfile.TemporaryDirectory() as folder:
            print_row(name, rights(run_cases(generate, varied, Path(folder))))


def measure_negative_prompt(generate: Generate, count: int) -> None:
    """Leave the colour out, then forbid the colour that came: it must change.

    The control forbids words nobody knows, which must change nothing.
    """
    changed = {"the colour it chose": 0, "unknown words": 0}
    for index, case in enumerate(held_out_cases(count)):
        shape, _, background, motion = case.asked
        words = motion if motion in ("growing", "shrinking", "still") else f"moving {motion}"
        free = replace(case, prompt=f"a {shape} {words} on a {background} background", seed=index)
        chosen = look_at(generate(free)).shown.colour
        forbidden = f"a {chosen} {shape} {words} on a {background} background"
        for name, negative in (
            ("the colour it chose", forbidden),
            ("unknown words", "blurry ugly watermark"),
        ):
            again = look_at(generate(replace(free, negative_prompt=negative))).shown.colour
            changed[name] += again != chosen
    for name, times in changed.items():
        low, high = wilson(times, count)
        share = f"{100 * times / count:.0f} % [{100 * low:.0f}-{100 * high:.0f}]"
        print(
            f"| negative prompt names {name}: the colour changes in {share} of {count} |",
            flush=True,
        )


def measure_image_to_video(generate: Generate, count: int, sheet: Path) -> None:
    """First frame against the given image, and the motion that was asked for."""
    with tempfile.TemporaryDirectory() as folder:
        outcomes = run_cases(generate, held_out_cases(count, with_image=True), Path(folder))
    psnr = [psnr_db(o.frames[0], o.case.image) for o in outcomes if o.case.image is not None]
    print_row("mini-ti2v, image to video", rights(outcomes))
    print_row("  against the next clip's prompt", rights(outcomes, against_next_prompt=True))
    print(
        f"| first frame: PSNR mean {np.mean(psnr):.1f} dB, worst {np.min(psnr):.1f} dB |",
        flush=True,
    )
    contact_sheet(outcomes[:48], sheet)


def print_shapes(outcomes: Sequence[Outcome]) -> None:
    """Which shape was taken for which."""
    for shape in SHAPES:
        seen = [o.sighting.shown.shape for o in outcomes if o.case.asked.shape == shape]
        wrong = {other: seen.count(other) for other in sorted(set(seen)) if other != shape}
        print(f"  {shape:9s} {seen.count(shape):3d} of {len(seen):3d}   {wrong or ''}")


def main() -> None:
    """Measure both embedded checkpoints and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--embedded", type=Path, default=EMBEDDED, help="folder of both checkpoints"
    )
    parser.add_argument("--clips", type=int, default=220, help="prompts per checkpoint")
    parser.add_argument("--control-clips", type=int, default=66)
    parser.add_argument("--only", choices=["mini", "mini-ti2v"])
    parser.add_argument("--sheets", type=Path, default=ROOT / "build" / "semantic")
    options = parser.parse_args()

    print_heading()
    if options.only != "mini-ti2v":
        generate = DiffusersGenerator(options.embedded / "mini")
        sheet = options.sheets / "mini.png"
        outcomes = measure_text_to_video(generate, options.clips, sheet, "mini")
        print_shapes(outcomes)
        if options.control_clips:
            measure_controls(generate, options.control_clips, experts=True)
            measure_negative_prompt(generate, options.control_clips // 2)
    if options.only != "mini":
        generate = DiffusersGenerator(options.embedded / "mini-ti2v")
        sheet = options.sheets / "mini-ti2v.png"
        print_shapes(measure_text_to_video(generate, options.clips, sheet, "mini-ti2v"))
        measure_image_to_video(generate, options.clips, options.sheets / "mini-ti2v-image.png")
    print(f"contact sheets: {options.sheets}")


if __name__ == "__main__":
    main()
