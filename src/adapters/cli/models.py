"""`wan models`: which checkpoints there are, and what puts them here, proves them and takes them away."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeAlias

import typer

from adapters.cli.checkpoints import show
from adapters.cli.files_progress import gib, shown_files
from application.adopt_checkpoint import AdoptCheckpoint
from application.convert_checkpoint import ConvertCheckpoint
from application.list_checkpoints import ListCheckpoints
from application.pull_checkpoint import PullCheckpoint
from application.remove_checkpoint import RemoveCheckpoint
from application.repair_checkpoint import RepairCheckpoint
from application.verify_checkpoint import VerifyCheckpoint
from domain.found_weights import Expert
from domain.stored_checkpoint import StoredCheckpoint


class Models(Protocol):
    """What the commands below `wan models` do."""

    def list_checkpoints(self) -> ListCheckpoints:
        """What there is."""

    def pull_checkpoint(self) -> PullCheckpoint:
        """Fetching it."""

    def repair_checkpoint(self) -> RepairCheckpoint:
        """Fetching again what is wrong in it."""

    def verify_checkpoint(self) -> VerifyCheckpoint:
        """Whether it is whole."""

    def adopt_checkpoint(self) -> AdoptCheckpoint:
        """Using one where it lies."""

    def convert_checkpoint(self) -> ConvertCheckpoint:
        """Making one of files in other layouts."""

    def remove_checkpoint(self) -> RemoveCheckpoint:
        """Taking it away."""


class Open(Protocol):
    """Makes them from a settings file and settings by their dotted names."""

    def __call__(self, config: Path | None, overrides: Mapping[str, Any]) -> Models:
        """What looks after the checkpoints."""


Config = Annotated[Path | None, typer.Option(help="A TOML file of settings.", dir_okay=False)]
DataDir = Annotated[Path | None, typer.Option(help="Where everything is kept.", file_okay=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
CheckpointId: TypeAlias = Annotated[
    str, typer.Argument(help="A checkpoint's id; `wan models` lists them.")
]
MeantAs: TypeAlias = Annotated[
    str | None, typer.Option("--as", help="The checkpoint it is meant to be. [what it is]")
]


def models_app(open_models: Open) -> typer.Typer:
    """The commands below `wan models`; without one, they are listed."""
    app = typer.Typer(
        help="Show which checkpoints there are, bring them here, prove them, take them away.",
        no_args_is_help=False,
    )

    @app.callback(invoke_without_command=True)
    def default(
        context: typer.Context,
        data_dir: DataDir = None,
        config: Config = None,
        as_json: AsJson = False,
    ) -> None:
        context.obj = open_models
        if context.invoked_subcommand is None:
            list_models(context, data_dir, config, as_json)

    app.command("list")(list_models)
    for command in (pull, adopt, convert, verify, repair, remove):
        app.command()(command)
    return app


def list_models(
    context: typer.Context, data_dir: DataDir = None, config: Config = None, as_json: AsJson = False
) -> None:
    """Show each checkpoint: its state, its size, where it came from."""
    show(_models(context, data_dir, config).list_checkpoints().execute(), as_json=as_json)


def pull(
    context: typer.Context,
    checkpoint: CheckpointId,
    revision: Annotated[
        str | None, typer.Option(help="A branch, tag or commit of its repository. [main]")
    ] = None,
    data_dir: DataDir = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Fetch a checkpoint from its repository. One that was cut goes on where it was."""
    pulling = _models(context, data_dir, config).pull_checkpoint()
    with shown_files() as report:
        pulled = pulling.execute(checkpoint, revision, report)
    _say(pulled.stored, "is here already" if pulled.was_here else "ready", as_json=as_json)


def adopt(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A folder in diffusers' layout.", exists=True)],
    checkpoint: MeantAs = None,
    data_dir: DataDir = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Use a checkpoint where it lies. Nothing is copied, and nothing of it is ever changed."""
    adopting = _models(context, data_dir, config).adopt_checkpoint()
    with shown_files() as report:
        stored = adopting.execute(folder.resolve(), checkpoint, report)
    _say(stored, "ready", as_json=as_json)


def convert(
    context: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="The transformer's file, or both; or folders of shards.", exists=True),
    ] = None,
    high: Annotated[
        Path | None, typer.Option(help="The high-noise expert's file.", exists=True)
    ] = None,
    low: Annotated[
        Path | None, typer.Option(help="The low-noise expert's file.", exists=True)
    ] = None,
    parts_from: Annotated[
        Path | None,
        typer.Option(
            "--with",
            help="A diffusers folder with encoder, VAE and scheduler. [from its repository]",
            exists=True,
        ),
    ] = None,
    checkpoint: MeantAs = None,
    data_dir: DataDir = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a checkpoint of safetensors in Wan's own or ComfyUI's naming, scaled fp8 among them, once."""
    transformers: dict[Path, Expert | None] = {path.resolve(): None for path in files or ()}
    named = ((high, Expert.HIGH_NOISE), (low, Expert.LOW_NOISE))
    transformers |= {path.resolve(): expert for path, expert in named if path}
    if not 1 <= len(transformers) <= 2:
        raise typer.BadParameter("name the file of the transformer, or of both experts.")
    converting = _models(context, data_dir, config).convert_checkpoint()
    with shown_files() as report:
        stored = converting.execute(
            transformers, parts_from and parts_from.resolve(), checkpoint, report
        )
    _say(stored, "ready", as_json=as_json)


def repair(
    context: typer.Context,
    checkpoint: CheckpointId,
    data_dir: DataDir = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Fetch again the files of a pulled checkpoint that verify finds wrong, and no others."""
    repairing = _models(context, data_dir, config).repair_checkpoint()
    with shown_files() as report:
        faults = repairing.execute(checkpoint, report)
    if as_json:
        print(json.dumps({"id": checkpoint, "mended": [asdict(f) for f in faults]}, indent=2))
        return
    for fault in faults:
        print(f"{checkpoint}  mended: {fault}")
    print(f"{checkpoint}  whole")


def verify(
    context: typer.Context,
    checkpoint: CheckpointId,
    data_dir: DataDir = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Read every byte of a checkpoint, and name what is missing, cut short or changed."""
    verifying = _models(context, data_dir, config).verify_checkpoint()
    with shown_files() as report:
        verdict = verifying.execute(checkpoint, report)
    if as_json:
        print(json.dumps(asdict(verdict), indent=2))
    elif not verdict.faults:
        print(f"{checkpoint}  whole: {verdict.files} files, {gib(verdict.size_bytes)}")
    else:
        for fault in verdict.faults:
            print(f"{checkpoint}  {fault}")
        print(verdict.remedy)
    if verdict.faults:
        raise typer.Exit(3)


def remove(
    context: typer.Context,
    checkpoint: CheckpointId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Take away a checkpoint that Wan Studio put there; what was adopted stays where it lies."""
    removing = _models(context, data_dir, config).remove_checkpoint()
    found = removing.ask(checkpoint)
    if not yes:
        question = f"Remove {checkpoint} ({found.source}) and free {gib(found.size_bytes)}?"
        typer.confirm(question, abort=True)
    removal = removing.execute(checkpoint)
    if as_json:
        print(json.dumps({"id": checkpoint, **asdict(removal)}, indent=2))
        return
    print(f"{checkpoint}  removed: {removal.files} files, {gib(removal.freed_bytes)} freed")
    for name in removal.left:
        print(f"{checkpoint}  left: {name}, which others put there")


def _say(stored: StoredCheckpoint, state: str, *, as_json: bool) -> None:
    if as_json:
        told = {
            "id": stored.checkpoint_id,
            "state": state,
            "folder": str(stored.folder),
            "size_bytes": stored.size_bytes,
            "origin": stored.origin,
            "source": stored.source,
        }
        print(json.dumps(told, indent=2))
    else:
        print(f"{stored.checkpoint_id}  {state}: {gib(stored.size_bytes)}, {stored.source}")


def _models(context: typer.Context, data_dir: Path | None, config: Path | None) -> Models:
    open_models: Open = context.obj
    return open_models(config, {"data_dir": data_dir and str(data_dir)})
