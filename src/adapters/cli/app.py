"""`wan`: the commands and their options. What they do is handed in; nothing heavy is imported here."""

import importlib.metadata
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol

import typer

from adapters.cli import audit, backup, doctor, plan
from adapters.cli.models import Models, models_app
from adapters.cli.progress import shown_progress
from adapters.cli.queue import queue_app
from application.generate_once import GenerateOnce, GivenData
from domain.audit import Finding
from domain.errors import CheckpointUnavailable, DomainError, InvalidRequest, Violation
from domain.generation import SCHEDULERS, GenerationDraft, GenerationRequest
from domain.lora import LoraDraft
from domain.memory_plan import MemoryPlan

if TYPE_CHECKING:
    from adapters.cli.service import Service

#: Exit codes above this say which signal ended the program.
_SIGNALLED: Final = 128
#: Codes of what the user can mend in the command itself.
_NOT_MEANT: Final = frozenset(
    {
        "invalid-request",
        "unknown-checkpoint",
        "image-unusable",
        "video-unusable",
        "prompt-too-long",
        "bad-settings",
        "does-not-fit",
    }
)
#: The option that sets a request's field, where it is not simply the field's name.
_OPTIONS: Final = {
    "num_frames": "--frames",
    "width": "--size",
    "height": "--size",
    "guidance_high_noise": "--guidance",
    "guidance_low_noise": "--guidance",
    "negative_prompt": "--negative",
    "checkpoint": "--model",
    "loras": "--lora",
    "last_image": "--end-image",
    "references": "--reference",
}


class Commands(Protocol):
    """What the program does; `overrides` are settings by their dotted names."""

    def serve(self, config: Path | None, overrides: Mapping[str, Any]) -> None:
        """Serve until told to stop."""

    def generator(
        self, config: Path | None, overrides: Mapping[str, Any], output: Path
    ) -> AbstractContextManager[GenerateOnce]:
        """A generator whose files appear beside `output`."""

    def models(self, config: Path | None, overrides: Mapping[str, Any]) -> Models:
        """What looks after the checkpoints."""

    def estimator(self, config: Path | None, overrides: Mapping[str, Any]) -> plan.Estimator:
        """Plans videos by what this machine has and has measured."""

    def connect(self, config: Path | None, port: int | None) -> "Service":
        """The way to a running server."""

    def audit(
        self, config: Path | None, overrides: Mapping[str, Any]
    ) -> tuple[Sequence[Finding], int]:
        """What is wrong in the data directory, and how many generations were looked at."""

    def backup(
        self, config: Path | None, overrides: Mapping[str, Any], target: Path
    ) -> backup.Backup:
        """Copy the data directory to `target`, while a server may run on it."""

    def doctor(self, config: Path | None, overrides: Mapping[str, Any]) -> Iterable[doctor.Check]:
        """Looks at the machine, one thing after another."""


Config = Annotated[Path | None, typer.Option(help="A TOML file of settings.", dir_okay=False)]
DataDir = Annotated[Path | None, typer.Option(help="Where everything is kept.", file_okay=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Backend = Annotated[str | None, typer.Option(help="diffusers, or synthetic: a test card.")]


def build_app(commands: Commands) -> typer.Typer:
    """The program over what it does."""
    app = typer.Typer(
        name="wan",
        help="Make Wan2.2 videos on your own machine.",
        no_args_is_help=True,
        invoke_without_command=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def about(
        version: Annotated[
            bool, typer.Option("--version", is_eager=True, help="Show the version and end.")
        ] = False,
    ) -> None:
        if version:
            print(importlib.metadata.version("wan-studio"))
            raise typer.Exit

    @app.command()
    def serve(
        host: Annotated[str | None, typer.Option(help="Address to listen on. [127.0.0.1]")] = None,
        port: Annotated[int | None, typer.Option(help="Port to listen on. [8022]")] = None,
        data_dir: DataDir = None,
        workers: Annotated[str | None, typer.Option(help="auto, or how many. [auto]")] = None,
        backend: Backend = None,
        config: Config = None,
    ) -> None:
        """Run the service: queue, workers and HTTP API."""
        overrides = {
            "server.host": host,
            "server.port": port,
            "data_dir": data_dir and str(data_dir),
            "workers": workers,
            "pipeline.backend": backend,
        }
        commands.serve(config, overrides)

    @app.command()
    def generate(
        prompt: Annotated[str, typer.Argument(help="What to show.")],
        output: Annotated[
            Path, typer.Option("--output", "-o", help="The file to make.", dir_okay=False)
        ],
        model: Annotated[str | None, typer.Option(help="Checkpoint id; see `wan models`.")] = None,
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
            str | None, typer.Option(help=f"Sampler: {', '.join(SCHEDULERS)}. [{SCHEDULERS[0]}]")
        ] = None,
        lora: Annotated[
            list[str] | None,
            typer.Option(help="A LoRA: NAME, or NAME:STRENGTH. Again for each."),
        ] = None,
        data_dir: DataDir = None,
        backend: Backend = None,
        config: Config = None,
        as_json: AsJson = False,
    ) -> None:
        """Make one video here and now, without a server."""
        width, height = _parse_size(size)
        high, low = _parse_guidance(guidance)
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
            loras=tuple(_parse_lora(text) for text in lora) if lora else None,
            strength=strength,
        )
        overrides = {"data_dir": data_dir and str(data_dir), "pipeline.backend": backend}
        with commands.generator(config, overrides, output) as generator:
            given = GivenData(
                image=_read(image, "--image"),
                last_image=_read(end_image, "--end-image"),
                video=_read(video, "--video"),
                control_video=_read(control_video, "--control-video"),
                control_mask=_read(control_mask, "--control-mask"),
                face_video=_read(face_video, "--face-video"),
                references=tuple(_read_file(path, "--reference") for path in reference or ()),
            )
            request, plan = generator.complete(draft, given)
            _generate(generator, request, plan, output, as_json=as_json)

    @app.command("doctor")
    def examine(
        data_dir: DataDir = None,
        config: Config = None,
        as_json: AsJson = False,
    ) -> None:
        """Find what would keep Wan Studio from working on this machine."""
        checks = commands.doctor(config, {"data_dir": data_dir and str(data_dir)})
        if not doctor.show(checks, as_json=as_json):
            raise typer.Exit(1)

    plan.add_command(app, commands.estimator)
    _add_care(app, commands)
    app.add_typer(models_app(commands.models), name="models")
    app.add_typer(queue_app(commands.connect), name="queue")
    return app


def _add_care(app: typer.Typer, commands: Commands) -> None:
    """What looks after a data directory."""

    @app.command("audit")
    def audit_jobs(
        data_dir: DataDir = None,
        config: Config = None,
        as_json: AsJson = False,
    ) -> None:
        """Look whether every generation, its history and its video are as they must be."""
        findings, seen = commands.audit(config, {"data_dir": data_dir and str(data_dir)})
        if not audit.show(findings, jobs_seen=seen, as_json=as_json):
            raise typer.Exit(1)

    @app.command("backup")
    def back_up(
        target: Annotated[Path, typer.Argument(help="A folder that is not there yet, or empty.")],
        data_dir: DataDir = None,
        config: Config = None,
    ) -> None:
        """Copy queue, history, images and videos, while the server may go on running.

        The copy is a data directory: `wan serve --data-dir COPY` restores it.
        """
        backup.show(commands.backup(config, {"data_dir": data_dir and str(data_dir)}, target))


def run(app: typer.Typer, arguments: Sequence[str] | None = None) -> int:
    """Run the program. Returns its exit code: see `exit_code`; 2 for wrong usage, 130 for Ctrl-C."""
    try:
        app(args=arguments)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0
        if status > _SIGNALLED:
            print("wan: stopped", file=sys.stderr)
        return status
    except DomainError as error:
        for line in _told(error):
            print(f"wan: {line}", file=sys.stderr)
        return exit_code(error)
    return 0


def exit_code(error: DomainError) -> int:
    """2: the request cannot be honoured. 3: the weights cannot be used. 1: anything else."""
    if error.code in _NOT_MEANT:
        return 2
    return 3 if isinstance(error, CheckpointUnavailable) else 1


def _generate(
    generator: GenerateOnce,
    request: GenerationRequest,
    plan: MemoryPlan,
    output: Path,
    *,
    as_json: bool,
) -> None:
    with shown_progress(steps=request.denoising_steps) as report:
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


def _read(path: Path | None, option: str) -> bytes | None:
    return None if path is None else _read_file(path, option)


def _read_file(path: Path, option: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise typer.BadParameter(
            f"{path} cannot be read: {error.strerror}.", param_hint=option
        ) from error


def _parse_size(text: str | None) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    if match := re.fullmatch(r"(\d{1,6})[xX*](\d{1,6})", text):
        return int(match[1]), int(match[2])
    raise typer.BadParameter(f"{text!r} is not a size such as 832x480.", param_hint="--size")


def _parse_guidance(text: str | None) -> tuple[float | None, float | None]:
    if text is None:
        return None, None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in {1, 2}:
        raise typer.BadParameter(f"{text!r} is not X or X,Y.", param_hint="--guidance")
    return numbers[0], numbers[-1]


def _parse_lora(text: str) -> LoraDraft:
    name, colon, strength = text.rpartition(":")
    if not colon:
        return LoraDraft(name=text)
    try:
        return LoraDraft(name=name, strength=float(strength))
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is not NAME or NAME:STRENGTH, such as turn:0.8.", param_hint="--lora"
        ) from error


def _told(error: DomainError) -> list[str]:
    """The error in the words of the command line: options, not fields; each thing said once."""
    if isinstance(error, InvalidRequest):
        return list(dict.fromkeys(_violation(violation) for violation in error.violations))
    return [error.message]


def _violation(violation: Violation) -> str:
    field = violation.pointer.split("/")[1]
    option = _OPTIONS.get(field, f"--{field.replace('_', '-')}" if field != "prompt" else field)
    nearest = " or ".join(str(value) for value in violation.nearest)
    return f"{option}: {violation.reason}" + (f"; nearest: {nearest}" if nearest else "")
