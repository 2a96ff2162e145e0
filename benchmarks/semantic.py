"""Does the video show what was asked? `python benchmarks/semantic.py` prints the answer.

Generates prompts whose combination of shape, colour, background and motion training never saw,
judges the decoded MP4 (training/judge.py), and runs the controls that show the figures mean
something: other clips' prompts, no guidance, exchanged experts, a negative prompt. `--figures FILE`
keeps the table for the model cards (`python -m training cards`).
"""

import argparse
import json
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

from benchmarks.video_file import read_mp4, write_mp4  # noqa: E402 - the root comes first
from domain.checkpoint import checkpoint_spec  # noqa: E402
from training.captions import plain_caption, sample_full_caption  # noqa: E402
from training.judge import Frames, look_at  # noqa: E402
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
DEFAULTS = checkpoint_spec("mini").defaults  # mini-ti2v's are the same
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
    guidance_high_noise: float = DEFAULTS.guidance_high_noise
    guidance_low_noise: float = DEFAULTS.guidance_low_noise
    experts: tuple[str, str] = ("high", "low")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A case with the frames of its decoded MP4 and what the judge saw in them."""

    case: Case
    frames: Frames
    shown: Combination


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
            "height": DEFAULTS.height,
            "width": DEFAULTS.width,
            "num_frames": DEFAULTS.num_frames,
            "num_inference_steps": DEFAULTS.steps,
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
    drawn = render([scene], frames=DEFAULTS.num_frames, side_px=DEFAULTS.width).pixels[0, :, 0]
    return ((drawn + 1.0) * 127.5).round().byte().permute(1, 2, 0).numpy()


def run_cases(generate: Generate, cases: Sequence[Case], folder: Path) -> list[Outcome]:
    """Generate, write, read back and judge each case."""
    outcomes = []
    for index, case in enumerate(cases):
        path = folder / f"{index:03d}.mp4"
        write_mp4(generate(case), path, fps=DEFAULTS.fps)
        frames = read_mp4(path)
        outcomes.append(Outcome(case=case, frames=frames, shown=look_at(frames)))
    return outcomes


def rights(outcomes: Sequence[Outcome], *, against_next_prompt: bool = False) -> np.ndarray:
    """(N, 4) booleans: which attributes were right, or would be for the next clip's prompt."""
    asked = [outcome.case.asked for outcome in outcomes]
    if against_next_prompt:
        asked = asked[1:] + asked[:1]
    shown = [outcome.shown for outcome in outcomes]
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


class Figures:
    """Prints one checkpoint's table, and remembers it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        columns = " | ".join(f"{a:14s}" for a in (*ATTRIBUTES, "all four"))
        self.say(f"| {'':34s} |    n | {columns} |")
        self.say("|---|---|" + "---|" * 5)

    def say(self, line: str) -> None:
        print(line, flush=True)
        self.lines.append(line)

    def row(self, name: str, right: np.ndarray) -> None:
        """One line: the share of each attribute and of all four, with its interval."""
        columns = [*right.T, right.all(axis=1)]
        cells = []
        for column in columns:
            low, high = wilson(int(column.sum()), len(column))
            cells.append(f"{100 * column.mean():5.1f} [{100 * low:3.0f}-{100 * high:3.0f}]")
        self.say(f"| {name:34s} | {len(right):4d} | " + " | ".join(cells) + " |")


def psnr_db(first: Frames, second: Frames) -> float:
    """Peak signal to noise ratio of two images."""
    error = float(np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2))
    return float(10 * np.log10(255.0**2 / max(error, 1e-9)))


def contact_sheet(outcomes: Sequence[Outcome], path: Path) -> None:
    """Five moments of each clip with its prompt, four clips a row."""
    side_px = DEFAULTS.width
    cell_w, cell_h = side_px * len(_SHEET_MOMENTS) + 8, side_px + 16
    rows = -(-len(outcomes) // _SHEET_COLUMNS)
    sheet = Image.new("RGB", (_SHEET_COLUMNS * cell_w, rows * cell_h), "white")
    draw = ImageDraw.Draw(sheet)
    for index, outcome in enumerate(outcomes):
        left, top = index % _SHEET_COLUMNS * cell_w, index // _SHEET_COLUMNS * cell_h
        right = outcome.shown == outcome.case.asked
        draw.text((left + 2, top), outcome.case.prompt[:52], fill="black" if right else "red")
        for place, moment in enumerate(_SHEET_MOMENTS):
            still = Image.fromarray(outcome.frames[moment])
            sheet.paste(still, (left + place * side_px, top + 13))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def measure_text_to_video(
    generate: Generate, count: int, sheet: Path, name: str, figures: Figures
) -> list[Outcome]:
    """The main figure and its chance level, with a contact sheet."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        outcomes = run_cases(generate, held_out_cases(count), Path(folder))
        seconds = (time.monotonic() - begun) / count
    right = rights(outcomes)
    figures.row(f"{name}, text to video", right)
    figures.row("  plain wording", right[0::2])
    figures.row("  free wording", right[1::2])
    figures.row("  against the next clip's prompt", rights(outcomes, against_next_prompt=True))
    print(f"{seconds:.2f} s per clip, generated, encoded, decoded and judged", flush=True)
    contact_sheet(outcomes[:48], sheet)
    return outcomes


def measure_controls(generate: Generate, shipped: Sequence[Outcome], figures: Figures) -> None:
    """What must hurt if guidance and the experts' split work, on the same cases and seeds."""
    cases = [outcome.case for outcome in shipped]
    variants = {
        "  guidance 1": [
            replace(c, guidance_high_noise=1.0, guidance_low_noise=1.0) for c in cases
        ],
        "  high-noise expert for all": [replace(c, experts=("high", "high")) for c in cases],
        "  low-noise expert for all": [replace(c, experts=("low", "low")) for c in cases],
        "  experts exchanged": [replace(c, experts=("low", "high")) for c in cases],
    }
    as_shipped = rights(shipped)
    figures.row("  the same, as shipped", as_shipped)
    for name, varied in variants.items():
        with tempfile.TemporaryDirectory() as folder:
            right = rights(run_cases(generate, varied, Path(folder)))
        figures.row(name, right)
        before, after = as_shipped.all(axis=1), right.all(axis=1)
        lost, won = int((before & ~after).sum()), int((after & ~before).sum())
        figures.say(f"| {'':34s} | {len(cases):4d} | all four: {lost} clips lost, {won} won, p = "
                    f"{sign_test(lost, won):.2g} |")  # fmt: skip


def sign_test(lost: int, won: int) -> float:
    """Two-sided probability of a split this uneven by chance. Source: McNemar's exact test."""
    count = lost + won
    tail = sum(math.comb(count, k) for k in range(min(lost, won) + 1))
    return min(1.0, 2.0 * float(tail) / 2.0**count)


def measure_negative_prompt(generate: Generate, count: int, figures: Figures) -> None:
    """Leave the colour out, then forbid the colour that came: it must change.

    The control forbids words nobody knows, which must change nothing.
    """
    changed = {"the colour it chose": 0, "unknown words": 0}
    for index, case in enumerate(held_out_cases(count)):
        shape, _, background, motion = case.asked
        words = motion if motion in ("growing", "shrinking", "still") else f"moving {motion}"
        free = replace(case, prompt=f"a {shape} {words} on a {background} background", seed=index)
        chosen = look_at(generate(free)).colour
        forbidden = f"a {chosen} {shape} {words} on a {background} background"
        for name, negative in (
            ("the colour it chose", forbidden),
            ("unknown words", "blurry ugly watermark"),
        ):
            again = look_at(generate(replace(free, negative_prompt=negative))).colour
            changed[name] += again != chosen
    for name, times in changed.items():
        low, high = wilson(times, count)
        share = f"{100 * times / count:.0f} % [{100 * low:.0f}-{100 * high:.0f}]"
        figures.say(
            f"| negative prompt names {name} | {count:4d} | the colour changes in {share} |"
        )


def measure_image_to_video(generate: Generate, count: int, sheet: Path, figures: Figures) -> None:
    """First frame against the given image, and the motion that was asked for."""
    with tempfile.TemporaryDirectory() as folder:
        outcomes = run_cases(generate, held_out_cases(count, with_image=True), Path(folder))
    psnr = [psnr_db(o.frames[0], o.case.image) for o in outcomes if o.case.image is not None]
    figures.row("mini-ti2v, image to video", rights(outcomes))
    figures.row("  against the next clip's prompt", rights(outcomes, against_next_prompt=True))
    figures.say(f"| first frame against the image | {count:4d} | PSNR mean {np.mean(psnr):.1f} dB, "
                f"worst {np.min(psnr):.1f} dB |")  # fmt: skip
    contact_sheet(outcomes[:48], sheet)


def tell_shapes(outcomes: Sequence[Outcome], figures: Figures) -> None:
    """How often each was right, and what it was taken for."""
    told = []
    for shape in SHAPES:
        seen = [o.shown.shape for o in outcomes if o.case.asked.shape == shape]
        wrong = [f"{seen.count(o)} {o}" for o in sorted(set(seen)) if o != shape]
        told.append(f"{shape} {seen.count(shape)} of {len(seen)}" + _else(wrong))
    figures.say("")
    figures.say(f"Shapes of text to video: {', '.join(told)}.")


def _else(wrong: Sequence[str]) -> str:
    return f" ({', '.join(wrong)})" if wrong else ""


def main() -> None:
    """Measure the embedded checkpoints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--embedded", type=Path, default=EMBEDDED, help="folder of both checkpoints"
    )
    parser.add_argument("--clips", type=int, default=200, help="prompts per row")
    parser.add_argument("--control-clips", type=int, default=120, help="those of them for controls")
    parser.add_argument("--only", choices=["mini", "mini-ti2v"])
    parser.add_argument("--sheets", type=Path, default=ROOT / "build" / "semantic")
    parser.add_argument("--figures", type=Path, help="JSON file in which the tables are kept")
    options = parser.parse_args()

    if options.only != "mini-ti2v":
        figures = Figures()
        generate = DiffusersGenerator(options.embedded / "mini")
        sheet = options.sheets / "mini.png"
        outcomes = measure_text_to_video(generate, options.clips, sheet, "mini", figures)
        if options.control_clips:
            measure_controls(generate, outcomes[: options.control_clips], figures)
            measure_negative_prompt(generate, options.control_clips // 2, figures)
        tell_shapes(outcomes, figures)
        keep(figures, options.figures, "mini")
    if options.only != "mini":
        figures = Figures()
        generate = DiffusersGenerator(options.embedded / "mini-ti2v")
        sheet = options.sheets / "mini-ti2v.png"
        outcomes = measure_text_to_video(generate, options.clips, sheet, "mini-ti2v", figures)
        sheet = options.sheets / "mini-ti2v-image.png"
        measure_image_to_video(generate, options.clips, sheet, figures)
        tell_shapes(outcomes, figures)
        keep(figures, options.figures, "mini-ti2v")
    print(f"contact sheets: {options.sheets}")


def keep(figures: Figures, path: Path | None, checkpoint: str) -> None:
    """Put the table beside the other checkpoint's in the file, if there is to be one."""
    if path is None:
        return
    kept = json.loads(path.read_text()) if path.exists() else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept | {checkpoint: figures.lines}, indent=2) + "\n")


if __name__ == "__main__":
    main()
