"""What Wan Studio does on a CUDA machine, in full size with random weights: nothing is downloaded.

    python benchmarks/gpu.py --quick        # at most 8 minutes: few steps are made, the rest is reckoned
    python benchmarks/gpu.py                # every step, every card from 12 to 80 GiB: an hour or more
    python benchmarks/gpu.py --only speed,resume --out folder
    python benchmarks/gpu.py --tiny         # the same code on networks of a few thousand numbers, on a CPU

Needs torch, diffusers, transformers, accelerate, gguf, safetensors, numpy, Pillow and this repository. Where the time
of a GPU is short, begin with `CUDA_VISIBLE_DEVICES= python benchmarks/gpu.py --tiny`: in a minute it finds what is
missing. A14B takes some 65 GiB of the host's memory, and pinned, in the last row of `placements` and maybe in `caps`,
more than 90.

Runs through the worker's own pipeline (text encoder, denoise loop, decoder, placements). Each stage is a process
of its own, and every row is written as soon as it is there: `gpu.json`, and `gpu.md` to quote.
"""

import argparse
import json
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import diffusers
import torch
import transformers

from benchmarks.on_gpu.bench import Bench, Row, scale
from benchmarks.on_gpu.stages import STAGES

#: Seconds that a quick run, and one stage of a full one, may take: it is ended then.
_QUICK_S: Final = 480.0
_STAGE_S: Final = 7200.0
#: The option that makes this the process of one stage.
_INNER: Final = "--stage"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where every stage that was asked for ran to its end."""
    asked = _parse(arguments)
    if asked.stage:
        for row in STAGES[asked.stage](Bench(scale(asked.scale))):
            print(json.dumps(row), flush=True)
        return 0
    asked.out.mkdir(parents=True, exist_ok=True)
    report = Report(asked.out, asked.scale, sys.argv[1:] if arguments is None else arguments)
    for stage in asked.only:
        if asked.scale == "tiny":
            _run_here(stage, report)
        elif asked.scale == "quick" and report.seconds > _QUICK_S:
            report.end(stage, "not run: the time was up")
        else:
            _run_apart(stage, asked.scale, report)
    return 0 if report.is_whole else 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = parser.add_mutually_exclusive_group()
    for name in ("quick", "tiny"):
        sizes.add_argument(f"--{name}", dest="scale", action="store_const", const=name)
    parser.set_defaults(scale="full")
    parser.add_argument("--only", default=",".join(STAGES), help=f"Of {', '.join(STAGES)}.")
    parser.add_argument("--out", type=Path, default=Path(), help="Where gpu.json and gpu.md go.")
    parser.add_argument(_INNER, choices=STAGES, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.scale != "tiny" and not torch.cuda.is_available():
        parser.error("torch finds no CUDA device; --tiny runs the same code without one.")
    asked.only = asked.only.split(",")
    if unknown := [stage for stage in asked.only if stage not in STAGES]:
        parser.error(f"there is no stage {unknown[0]!r}; there are {', '.join(STAGES)}")
    return asked


def _run_here(stage: str, report: "Report") -> None:
    for row in STAGES[stage](Bench(scale("tiny"))):
        report.add(stage, row)
    report.end(stage, "done")


def _run_apart(stage: str, name: str, report: "Report") -> None:
    """In a fresh process, so that no stage inherits another's memory, or its death."""
    size = [] if name == "full" else [f"--{name}"]
    command = [sys.executable, str(Path(__file__)), *size, _INNER, stage]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None, "asked for"
        left = _QUICK_S - report.seconds if name == "quick" else _STAGE_S
        watchdog = threading.Timer(left, process.kill)
        watchdog.start()
        for line in process.stdout:
            if line.startswith("{"):  # else a library speaks
                report.add(stage, json.loads(line))
        watchdog.cancel()
    ended = "done" if process.returncode == 0 else f"ended with {process.returncode}"
    report.end(stage, ended)


class Report:
    """What is known so far, in two files that are always whole."""

    def __init__(self, folder: Path, name: str, arguments: Sequence[str]) -> None:
        self._folder = folder
        self._began = time.monotonic()
        on_gpu = torch.cuda.is_available()
        self._told: dict[str, Any] = {
            "command": " ".join(["python benchmarks/gpu.py", *arguments]),
            "scale": name,
            "device": torch.cuda.get_device_name() if on_gpu else platform.processor() or "CPU",
            "date": datetime.now(UTC).date().isoformat(),
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "diffusers": diffusers.__version__,
            "transformers": transformers.__version__,
            "stages": {},
        }

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def is_whole(self) -> bool:
        return all(stage["ended"] == "done" for stage in self._told["stages"].values())

    def add(self, stage: str, row: Row) -> None:
        self._stage(stage)["rows"].append(row)
        print(f"{self.seconds:6.1f} s  {stage}: {json.dumps(row)}", flush=True)
        self._write()

    def end(self, stage: str, how: str) -> None:
        self._stage(stage)["ended"] = how
        print(f"{self.seconds:6.1f} s  {stage}: {how}", flush=True)
        self._write()

    def _stage(self, name: str) -> dict[str, Any]:
        stage: dict[str, Any] = self._told["stages"].setdefault(
            name, {"rows": [], "ended": "cut short"}
        )
        return stage

    def _write(self) -> None:
        (self._folder / "gpu.json").write_text(json.dumps(self._told, indent=2) + "\n")
        (self._folder / "gpu.md").write_text("\n".join(self._lines()) + "\n")

    def _lines(self) -> Iterable[str]:
        told = self._told
        yield f"{told['device']}, {told['date']}, torch {told['torch']}, diffusers "
        yield f"{told['diffusers']}: `{told['command']}`"
        for name, stage in told["stages"].items():
            yield ""
            yield f"### {name}" + ("" if stage["ended"] == "done" else f" ({stage['ended']})")
            for kind in _alike(stage["rows"]):
                yield ""
                yield _cells(kind[0])
                yield "|---" * len(kind[0]) + "|"
                yield from (_cells(row.values()) for row in kind)


def _alike(rows: Sequence[Row]) -> Iterable[Sequence[Row]]:
    """Rows of the same columns, one table for each."""
    kinds: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        kinds.setdefault(tuple(row), []).append(row)
    return kinds.values()


def _cells(values: Iterable[Any]) -> str:
    return f"| {' | '.join('' if value is None else str(value) for value in values)} |"


if __name__ == "__main__":
    sys.exit(main())
