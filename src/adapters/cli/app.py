"""`wan`: the commands and their options. What they do is handed in; nothing heavy is imported here."""

import importlib.metadata
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol

import typer

from adapters.cli import audit, backup, doctor, generate, loras, plan, presets, reproduce
from adapters.cli.keys import keys_app
from adapters.cli.models import Models, models_app
from adapters.cli.options import AsJson, Backend, Config, DataDir
from adapters.cli.outputs import outputs_app
from adapters.cli.queue import queue_app
from application.generate_once import GenerateOnce
from application.manage_keys import ManageKeys
from application.reproduce_video import ReproduceVideo
from domain.audit import Finding
from domain.errors import CheckpointUnavailable, DomainError, InvalidRequest, Violation
from domain.ports.lora_catalog import LoraCatalog

if TYPE_CHECKING:
    from adapters.cli.service import Service

_JSON: Final = "--json"
#: Exit codes above this say which signal ended the program.
_SIGNALLED: Final = 128
#: Codes of what the user can mend in the command itself.
_NOT_MEANT: Final = frozenset(
    {
        "invalid-request",
        "unknown-checkpoint",
        "unknown-lora",
        "lora-does-not-fit",
        "image-unusable",
        "video-unusable",
        "prompt-too-long",
        "precision-unusable",
        "bad-settings",
        "does-not-fit",
        "not-reproducible",
        "not-removable",
        "not-pullable",
        "not-convertible",
        "model-place-taken",
        "weights-unrecognised",
        "data-directory-unusable",
    }
)
#: The options, or the argument, that set a field, where it is not simply the field's name.
_OPTIONS: Final[Mapping[str, Sequence[str]]] = {
    "num_frames": ["--frames"],
    "width": ["--size"],
    "height": ["--size"],
    "guidance_high_noise": ["--guidance"],
    "guidance_low_noise": ["--guidance"],
    "negative_prompt": ["--negative"],
    "checkpoint": ["--model", "--checkpoint"],
    "loras": ["--lora"],
    "last_image": ["--end-image"],
    "references": ["--reference", "--references"],
    "name": ["NAME"],
    "prompt": ["prompt"],
    "files": ["FILES"],
    "rating": ["STARS"],
}


class Commands(Protocol):
    """What the program does; `overrides` are settings by their dotted names."""

    def serve(self, config: Path | None, overrides: Mapping[str, Any]) -> None:
        """Serve until told to stop."""

    def generator(
        self, config: Path | None, overrides: Mapping[str, Any], output: Path
    ) -> AbstractContextManager[GenerateOnce]:
        """A generator whose files appear beside `output`."""

    def reproducer(
        self, config: Path | None, overrides: Mapping[str, Any], output: Path | None
    ) -> AbstractContextManager[ReproduceVideo]:
        """What reproduces videos, whose file appears beside `output`, if any is named."""

    def models(self, config: Path | None, overrides: Mapping[str, Any]) -> Models:
        """What looks after the checkpoints."""

    def loras(self, config: Path | None, overrides: Mapping[str, Any]) -> LoraCatalog:
        """Which LoRAs there are."""

    def estimator(self, config: Path | None, overrides: Mapping[str, Any]) -> plan.Estimator:
        """Plans videos by what this machine has and has measured."""

    def connect(self, config: Path | None, port: int | None) -> "Service":
        """The way to a running server."""

    def keys(self, config: Path | None, overrides: Mapping[str, Any]) -> ManageKeys:
        """What looks after the API keys."""

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

    generate.add_command(app, commands.generator)
    reproduce.add_command(app, commands.reproducer)

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
    presets.add_command(app)
    loras.add_command(app, commands.loras)
    _add_care(app, commands)
    app.add_typer(models_app(commands.models), name="models")
    app.add_typer(queue_app(commands.connect), name="queue")
    app.add_typer(outputs_app(commands.connect), name="outputs")
    app.add_typer(keys_app(commands.keys), name="keys")
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
    """Run the program. Returns its exit code: see `exit_code`; 2 for wrong usage, 130 for Ctrl-C.

    Where JSON was asked for, a refusal is told as JSON, too, beside the words on standard error.
    """
    try:
        app(args=arguments)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0
        if status > _SIGNALLED:
            print("wan: stopped", file=sys.stderr)
        return status
    except DomainError as error:
        said = sys.argv[1:] if arguments is None else arguments
        if _JSON in said:
            print(json.dumps(_as_json(error, said), ensure_ascii=False))
        for line in _told(error, said):
            print(f"wan: {line}", file=sys.stderr)
        return exit_code(error)
    return 0


def exit_code(error: DomainError) -> int:
    """2: the request cannot be honoured. 3: the weights cannot be used. 1: anything else."""
    if error.code in _NOT_MEANT:
        return 2
    return 3 if isinstance(error, CheckpointUnavailable) else 1


def _told(error: DomainError, said: Sequence[str]) -> list[str]:
    """The error in the words of the command line: options, not fields; each thing said once."""
    if isinstance(error, InvalidRequest):
        return list(dict.fromkeys(_violation(violation, said) for violation in error.violations))
    return [error.message]


def _violation(violation: Violation, said: Sequence[str]) -> str:
    nearest = " or ".join(str(value) for value in violation.nearest)
    told = f"{_option(violation, said)}: {violation.reason}"
    return told + (f"; nearest: {nearest}" if nearest else "")


def _option(violation: Violation, said: Sequence[str]) -> str:
    """What sets that field: as it was said, where it has several names."""
    field = violation.pointer.split("/")[1]
    options = _OPTIONS.get(field, [f"--{field.replace('_', '-')}"])
    words = {word.partition("=")[0] for word in said}
    return next((option for option in options if option in words), options[0])


def _as_json(error: DomainError, said: Sequence[str]) -> dict[str, Any]:
    """As the HTTP API has it, with options for pointers."""
    errors = [
        {"option": _option(v, said), "reason": v.reason, "nearest": v.nearest}
        for v in error.violations
    ]
    return {"code": error.code, "message": error.message, "errors": errors}
