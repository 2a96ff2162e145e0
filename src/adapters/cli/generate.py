"""`wan generate`: one video, here and now."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from adapters.cli.options import (
    AsJson,
    Backend,
    Config,
    DataDir,
    parse_guidance,
    parse_lora,
    parse_size,
    refused,
)
from adapters.cli.output import Force, Output, check_output
from adapters.cli.progress import shown_progress
from application.generate_once import GenerateOnce, GivenData
from domain.generation import SCHEDULERS, GenerationDraft, GenerationRequest
from domain.memory_plan import MemoryPlan
from domain.shortcuts import PRECISIONS

#: Makes a generator whose files appear beside the output, from a settings file and named settings.
MakeGenerator: TypeAlias = Callable[
    [Path | None, Mapping[str, Any], Path], AbstractContextManager[GenerateOnce]
]


def add_command(app: typer.Typer, make_generator: MakeGenerator) -> None:
    """Give `app` the command."""

    @app.command(context_settings={"allow_extra_args": True})
    def generate(
        context: typer.Context,
        prompt: Annotated[str, typer.Argument(help="What to show.")],
        output: Output,
        model: Annotated[
            str | None,
            typer.Option("--model", "--checkpoint", help="Checkpoint id; see `wan models`."),
        ] = None,
        size: Annotated[str | None, typer.Option(help="Width x height, such as 832x480.")] = None,
        frames: Annotated[int | None, typer.Option(help="How many frames: 4n + 1.")] = None,
        steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
        seed: Annotated[
            int | None, typer.Option(help="The same seed makes the same video.")
        ] = None,
        negative: Annotated[str | None, typer.Option(help="What not to show.")] = None,
        image: Annotated[
            Path | None, typer.Option(help="First image: PNG, JPEG or WebP.", dir_okay=False)
        ] = None,
        end_image: Annotated[
            Path | None, typer.Option(help="Last image, beside the first.", dir_okay=False)
        ] = None,
        image_fit: Annotated[
            str | None, typer.Option(help="crop or pad pictures of another shape. [refuse them]")
        ] = None,
        video: Annotated[
            Path | None, typer.Option(help="A video to make anew: MP4, MOV, MKV or WebM.")
        ] = None,
        strength: Annotated[
            float | None, typer.Option(help="How much of it is made anew, up to 1. [0.8]")
        ] = None,
        control_video: Annotated[
            Path | None, typer.Option(help="A video that shows how things move, or what is kept.")
        ] = None,
        control_mask: Annotated[
            Path | None, typer.Option(help="A video that is white where that is made anew.")
        ] = None,
        face_video: Annotated[
            Path | None, typer.Option(help="A square video that shows the face at every moment.")
        ] = None,
        reference: Annotated[
            list[Path] | None, typer.Option(help="Who or what is to be seen: PNG, JPEG, WebP.")
        ] = None,
        guidance: Annotated[
            str | None, typer.Option(help="Guidance X, or X,Y for high and low noise.")
        ] = None,
        flow_shift: Annotated[float | None, typer.Option(help="Lean to high noise.")] = None,
        scheduler: Annotated[
            str | None, typer.Option(help=f"Scheduler: {', '.join(SCHEDULERS)}. [{SCHEDULERS[0]}]")
        ] = None,
        lora: Annotated[
            list[str] | None,
            typer.Option(help="A LoRA: NAME, NAME:STRENGTH or NAME:HIGH,LOW. Again for each."),
        ] = None,
        preset: Annotated[
            str | None, typer.Option(help="Less exact for speed: see `wan presets`. [exact]")
        ] = None,
        guidance_until: Annotated[
            float | None, typer.Option(help="Share of the steps that are guided. [1]")
        ] = None,
        step_cache: Annotated[
            float | None, typer.Option(help="Leave out steps that would change less. [0: none]")
        ] = None,
        loras_from: Annotated[
            float | None, typer.Option(help="Share of the steps before LoRAs are on. [0]")
        ] = None,
        precision: Annotated[
            str | None,
            typer.Option(help=f"Multiply large matrices in less: {', '.join(PRECISIONS)}."),
        ] = None,
        force: Force = False,
        data_dir: DataDir = None,
        backend: Backend = None,
        config: Config = None,
        as_json: AsJson = False,
    ) -> None:
        """Make one video here and now, without a server."""
        _refuse_more_words(prompt, context.args)
        check_output(output, force=force)
        width, height = parse_size(size)
        high, low = parse_guidance(guidance)
        draft = GenerationDraft(
            prompt=prompt,
            negative_prompt=negative,
            checkpoint=model,
            width=width,
            height=height,
            num_frames=frames,
            steps=steps,
            guidance_high_noise=high,
            guidance_low_noise=low,
            flow_shift=flow_shift,
            scheduler=scheduler,
            seed=seed,
            image_fit=image_fit,
            loras=tuple(parse_lora(text) for text in lora) if lora else None,
            strength=strength,
            preset=preset,
            guidance_until=guidance_until,
            step_cache=step_cache,
            loras_from=loras_from,
            precision=precision,
        )
        overrides = {"data_dir": data_dir and str(data_dir), "pipeline.backend": backend}
        with make_generator(config, overrides, output) as generator:
            given = GivenData(
                image=_read(image, "image"),
                last_image=_read(end_image, "last_image"),
                video=_read(video, "video"),
                control_video=_read(control_video, "control_video"),
                control_mask=_read(control_mask, "control_mask"),
                face_video=_read(face_video, "face_video"),
                references=tuple(_read_file(path, "references") for path in reference or ()),
            )
            request, plan = generator.complete(draft, given)
            _generate(generator, request, plan, output, as_json=as_json)


def _refuse_more_words(prompt: str, others: Sequence[str]) -> None:
    if others:
        whole = " ".join([prompt, *others])
        raise refused("prompt", f'it has several words: put it in quotes, "{whole}"')


def _generate(
    generator: GenerateOnce,
    request: GenerationRequest,
    plan: MemoryPlan,
    output: Path,
    *,
    as_json: bool,
) -> None:
    with shown_progress(steps=request.all_steps) as report:
        made = generator.execute(request, plan, report)
    made.path.replace(output)
    if as_json:
        told = {"path": str(output), "request": asdict(request), "video": asdict(made.video)}
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        video = made.video
        print(
            f"{output}  {video.width}x{video.height}, {video.num_frames} frames, "
            f"{video.duration_s:.1f} s, seed {request.seed}"
        )


def _read(path: Path | None, field: str) -> bytes | None:
    return None if path is None else _read_file(path, field)


def _read_file(path: Path, field: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise refused(field, f"{path} cannot be read: {error.strerror}") from error
