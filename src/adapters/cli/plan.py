"""`wan plan`: what a video would need, and where its parts would lie, before anything is made."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import typer

from adapters.cli import memory_table
from adapters.cli.options import (
    AsJson,
    Config,
    DataDir,
    parse_guidance,
    parse_lora,
    parse_size,
    refused,
)
from adapters.cli.progress import words_of
from application.estimate_generation import Estimate, Imagined
from domain.generation import GenerationRequest
from domain.inputs import NOTHING_GIVEN
from domain.shortcuts import PRECISIONS
from domain.sizes import gib

#: Plans one video; raises where it cannot be made.
Estimator: TypeAlias = Callable[[Imagined], Estimate]
#: Makes one from the settings file and the settings that were named.
MakeEstimator: TypeAlias = Callable[[Path | None, Mapping[str, Any]], Estimator]

#: Makers of memory count in powers of two, whichever way they spell it.
_UNITS: Final = {"": 2**30, "g": 2**30, "m": 2**20, "t": 2**40}
#: A number without a unit is so many GiB; more than this is meant in something else.
_MOST_GIB: Final = 4096
_MEMORY: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([gmt]?)(?:i?b)?", re.IGNORECASE)


def add_command(app: typer.Typer, make_estimator: MakeEstimator) -> None:
    """Give `app` the command."""

    @app.command("plan")
    def show_plan(
        checkpoint: Annotated[
            str | None, typer.Option("--checkpoint", "--model", help="Checkpoint id.")
        ] = None,
        size: Annotated[str | None, typer.Option(help="Width x height, such as 832x480.")] = None,
        frames: Annotated[int | None, typer.Option(help="How many frames: 4n + 1.")] = None,
        steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
        guidance: Annotated[
            str | None,
            typer.Option(help="X, or X,Y for high and low noise; 1 halves the forwards."),
        ] = None,
        preset: Annotated[str | None, typer.Option(help="See `wan presets`. [exact]")] = None,
        precision: Annotated[
            str | None, typer.Option(help=f"Of large matrices: {', '.join(PRECISIONS)}.")
        ] = None,
        image: Annotated[bool, typer.Option("--image", help="It begins with a picture.")] = False,
        end_image: Annotated[
            bool, typer.Option("--end-image", help="It also ends with one.")
        ] = False,
        video: Annotated[
            bool, typer.Option("--video", help="One is given, to be made anew.")
        ] = False,
        strength: Annotated[
            float | None, typer.Option(help="How much of that is made anew, up to 1.")
        ] = None,
        control_video: Annotated[
            bool, typer.Option("--control-video", help="One shows how things move.")
        ] = False,
        references: Annotated[
            int, typer.Option(help="Pictures of who or what is to be seen.", min=0)
        ] = 0,
        lora: Annotated[
            list[str] | None, typer.Option(help="A LoRA that is here: NAME. Again for each.")
        ] = None,
        assume_vram: Annotated[
            str | None, typer.Option(help="As if a GPU had so much free: 24GB; 0 for none.")
        ] = None,
        assume_ram: Annotated[
            str | None, typer.Option(help="As if so much host memory were available: 64GB.")
        ] = None,
        table: Annotated[
            bool, typer.Option("--table", help="Every checkpoint on every usual card, as docs.")
        ] = False,
        data_dir: DataDir = None,
        config: Config = None,
        as_json: AsJson = False,
    ) -> None:
        """Say what a video would need, how it would be fitted into memory, and why.

        No weights need be here. Exit code 2: it does not fit; what would is told.
        """
        if table:
            print(memory_table.page(), end="")
            return
        width, height = parse_size(size)
        high, low = parse_guidance(guidance)
        estimate = make_estimator(config, {"data_dir": data_dir and str(data_dir)})(
            Imagined(
                checkpoint=checkpoint,
                width=width,
                height=height,
                num_frames=frames,
                steps=steps,
                guidance_high_noise=high,
                guidance_low_noise=low,
                strength=strength,
                preset=preset,
                precision=precision,
                with_image=image,
                with_last_image=end_image,
                with_video=video,
                with_control_video=control_video,
                references=references,
                loras=tuple(parse_lora(text) for text in lora or ()),
                accelerator_bytes=_parse_memory(assume_vram, "assume_vram"),
                host_bytes=_parse_memory(assume_ram, "assume_ram"),
            )
        )
        _print_json(estimate) if as_json else _print(_lines(estimate))


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        print(line)


def _print_json(estimate: Estimate) -> None:
    told = asdict(estimate)
    words, inputs = ("prompt", "negative_prompt", "seed"), asdict(NOTHING_GIVEN)
    for made_up in (*words, *inputs):
        del told["request"][made_up]
    print(json.dumps(told, ensure_ascii=False, indent=2))


def _lines(estimate: Estimate) -> Iterator[str]:
    request, plan = estimate.request, estimate.plan
    yield (
        f"{request.checkpoint}  {request.width}x{request.height}, {request.num_frames} frames, "
        f"{_steps(request)} steps, {plan.forwards} forwards over {plan.tokens} tokens"
    )
    yield f"  weights      {gib(plan.weight_bytes)}"
    for where, needed, peak, available in (
        (
            "accelerator",
            plan.accelerator_needed_bytes,
            plan.accelerator_bytes,
            estimate.capacity.accelerator_bytes,
        ),
        ("host", plan.host_needed_bytes, plan.host_bytes, estimate.capacity.host_bytes),
    ):
        if needed is not None and peak is not None:
            free = gib(available or 0)
            yield f"  {where:<11}  needs {gib(needed)} of {free}; {gib(peak)} in use at the peak"
    if plan.seconds is not None:
        yield f"  time         {sum(plan.seconds.values()):.1f} s: {_stages(plan.seconds)}"
    for reason in plan.reasons:
        yield f"- {reason}"


def _steps(request: GenerationRequest) -> str:
    of = "" if request.strength is None else f" of {request.steps}"
    return f"{request.all_steps}{of}"


def _stages(seconds: Mapping[Any, float]) -> str:
    return ", ".join(f"{words_of(stage)} {took:.1f}" for stage, took in seconds.items())


def _parse_memory(text: str | None, field: str) -> int | None:
    if text is None:
        return None
    if match := _MEMORY.fullmatch(text.strip()):
        number, unit = float(match[1]), match[2].lower()
        if unit or number <= _MOST_GIB:
            return int(number * _UNITS[unit])
    raise refused(field, f"{text!r} is no memory such as 24GB")
