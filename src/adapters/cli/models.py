"""`wan models`: which checkpoints there are, and what puts them here, proves them and takes them away."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeAlias

import typer

from adapters.cli.checkpoints import show
from adapters.cli.files_progress import gib, shown_files
from adapters.cli.options import AsJson, Config, DataDir, command_group, refused
from application.adopt_checkpoint import AdoptCheckpoint
from application.assemble_checkpoint import AssembleCheckpoint
from application.list_checkpoints import ListCheckpoints
from application.pull_checkpoint import PullCheckpoint
from application.recast_checkpoint import RecastCheckpoint
from application.remove_checkpoint import RemoveCheckpoint
from application.repair_checkpoint import RepairCheckpoint
from application.verify_checkpoint import VerifyCheckpoint
from domain.checkpoint import CHECKPOINTS
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

    def assemble_checkpoint(self) -> AssembleCheckpoint:
        """Making one of transformers in other layouts."""

    def recast_checkpoint(self) -> RecastCheckpoint:
        """Storing one as it is run."""

    def remove_checkpoint(self) -> RemoveCheckpoint:
        """Taking it away."""


class Open(Protocol):
    """Makes them from a settings file and settings by their dotted names."""

    def __call__(self, config: Path | None, overrides: Mapping[str, Any]) -> Models:
        """What looks after the checkpoints."""


CheckpointId: TypeAlias = Annotated[
    str, typer.Argument(help="A checkpoint's id; `wan models` lists them.")
]
MeantAs: TypeAlias = Annotated[
    str | None, typer.Option("--as", help="The checkpoint it is meant to be. [what it is]")
]

High: TypeAlias = Annotated[
    Path | None, typer.Option(help="The high-noise expert's file.", exists=True)
]
Low: TypeAlias = Annotated[
    Path | None, typer.Option(help="The low-noise expert's file.", exists=True)
]
PartsFrom: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--with",
        help="A diffusers folder with encoder, VAE and scheduler. [from its repository]",
        exists=True,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a command below `wan models` was asked with: whom it asks in turn, and how it answers."""

    models: Models
    as_json: bool


def models_app(open_models: Open) -> typer.Typer:
    """The commands below `wan models`; without one, they are listed."""

    def begin(
        _context: typer.Context, data_dir: Path | None, config: Path | None, *, as_json: bool
    ) -> Asked:
        models = open_models(config, {"data_dir": data_dir and str(data_dir)})
        return Asked(models=models, as_json=as_json)

    commands = (pull, adopt, convert, verify, repair, remove)
    return command_group(
        {"data_dir": DataDir, "config": Config, "as_json": AsJson},
        begin,
        commands={"list": list_models, **{command.__name__: command for command in commands}},
        default=list_models,
        about="Show which checkpoints there are, bring them here, prove them, take them away.",
    )


def list_models(asked: Asked) -> None:
    """Show each checkpoint: its state, its size, where it came from."""
    show(asked.models.list_checkpoints().execute(), as_json=asked.as_json)


def pull(
    asked: Asked,
    checkpoint: CheckpointId,
    revision: Annotated[
        str | None, typer.Option(help="A branch, tag or commit of its repository. [main]")
    ] = None,
    to_bf16: Annotated[
        bool, typer.Option("--convert", help="Then store it as it is run: see convert.")
    ] = False,
) -> None:
    """Fetch a checkpoint from its repository. One that was cut goes on where it was."""
    pulling = asked.models.pull_checkpoint()
    with shown_files() as report:
        pulled = pulling.execute(checkpoint, revision, report)
    if to_bf16:
        _recast(asked, checkpoint)
        return
    _say(pulled.stored, "is here already" if pulled.was_here else "ready", as_json=asked.as_json)
    if not asked.as_json:
        statuses = asked.models.list_checkpoints().execute()
        advice = next(status.advice for status in statuses if status.entry.spec.id == checkpoint)
        print(*(f"  {line}" for line in advice), sep="\n", end="\n" if advice else "")


def adopt(
    asked: Asked,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="A folder in diffusers' layout; or the transformer's GGUF file, or both.",
            exists=True,
        ),
    ] = None,
    high: High = None,
    low: Low = None,
    parts_from: PartsFrom = None,
    checkpoint: MeantAs = None,
) -> None:
    """Use a checkpoint, or GGUF files, where they lie. Nothing is copied, and nothing is ever changed."""
    models = asked.models
    if files and len(files) == 1 and files[0].is_dir() and not (high or low or parts_from):
        with shown_files() as report:
            stored = models.adopt_checkpoint().execute(files[0].resolve(), checkpoint, report)
    else:
        wanted = (
            "a folder in diffusers' layout; or the GGUF file of the transformer, or of both experts"
        )
        transformers = _named(files, high, low, wanted=wanted)
        stored = _assemble(models, transformers, parts_from, checkpoint, in_place=True)
    _say(stored, "ready", as_json=asked.as_json)


def convert(
    asked: Asked,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            help="The transformer's file, or both; or folders of shards; or the id of a pulled checkpoint."
        ),
    ] = None,
    high: High = None,
    low: Low = None,
    parts_from: PartsFrom = None,
    checkpoint: MeantAs = None,
) -> None:
    """Make a checkpoint of safetensors in Wan's own or ComfyUI's naming, scaled fp8 among them, once.

    With the id of a checkpoint that was pulled: store it as it is run, in bf16, instead of converting it
    each time it is loaded. That takes half of the memory and of the disk.
    """
    if files and len(files) == 1 and files[0] in {spec.id for spec in CHECKPOINTS}:
        if high or low or parts_from or checkpoint:
            raise refused("files", f"{files[0]} has its own files: name them, or the id alone")
        _recast(asked, files[0])
        return
    transformers = _named(
        [_existing(name) for name in files or ()],
        high,
        low,
        wanted="the file of the transformer, or of both experts; or a checkpoint that was pulled",
    )
    stored = _assemble(asked.models, transformers, parts_from, checkpoint, in_place=False)
    _say(stored, "ready", as_json=asked.as_json)


def repair(
    asked: Asked,
    checkpoint: CheckpointId,
) -> None:
    """Fetch again the files of a pulled checkpoint that verify finds wrong, and no others."""
    repairing = asked.models.repair_checkpoint()
    with shown_files() as report:
        faults = repairing.execute(checkpoint, report)
    if asked.as_json:
        print(json.dumps({"id": checkpoint, "mended": [asdict(f) for f in faults]}, indent=2))
        return
    for fault in faults:
        print(f"{checkpoint}  mended: {fault}")
    print(f"{checkpoint}  whole")


def verify(
    asked: Asked,
    checkpoint: CheckpointId,
) -> None:
    """Read every byte of a checkpoint, and name what is missing, cut short or changed."""
    verifying = asked.models.verify_checkpoint()
    with shown_files() as report:
        verdict = verifying.execute(checkpoint, report)
    if asked.as_json:
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
    asked: Asked,
    checkpoint: CheckpointId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Take away a checkpoint that Wan Studio put there; what was adopted stays where it lies."""
    removing = asked.models.remove_checkpoint()
    found = removing.ask(checkpoint)
    if not yes:
        question = f"Remove {checkpoint} ({found.source}) and free {gib(found.size_bytes)}?"
        typer.confirm(question, abort=True, err=True)  # standard output is for what was done
    removal = removing.execute(checkpoint)
    if asked.as_json:
        print(json.dumps({"id": checkpoint, **asdict(removal)}, indent=2))
        return
    print(f"{checkpoint}  removed: {removal.files} files, {gib(removal.freed_bytes)} freed")
    for name in removal.left:
        print(f"{checkpoint}  left: {name}, which others put there")


def _recast(asked: Asked, checkpoint: str) -> None:
    """Store it as it is run, and say what that changed."""
    with shown_files() as report:
        recast = asked.models.recast_checkpoint().execute(checkpoint, report)
    _say(recast.stored, "ready", as_json=asked.as_json)
    if not asked.as_json:
        told = f"{' and '.join(recast.parts)} converted; {gib(recast.freed_bytes)} freed"
        print(f"  {told if recast.parts else 'stored as it is run: there was nothing to convert'}")


def _existing(name: str) -> Path:
    if not Path(name).exists():
        raise refused("files", f"{name} is neither a file nor the id of a checkpoint")
    return Path(name)


def _named(
    files: list[Path] | None, high: Path | None, low: Path | None, *, wanted: str
) -> dict[Path, Expert | None]:
    """The transformers that a command line names, each with the expert that it is said to be."""
    transformers: dict[Path, Expert | None] = {path.resolve(): None for path in files or ()}
    named = ((high, Expert.HIGH_NOISE), (low, Expert.LOW_NOISE))
    transformers |= {path.resolve(): expert for path, expert in named if path}
    if not 1 <= len(transformers) <= 2:
        raise refused("files", f"name {wanted}")
    return transformers


def _assemble(
    models: Models,
    transformers: Mapping[Path, Expert | None],
    parts_from: Path | None,
    checkpoint: str | None,
    *,
    in_place: bool,
) -> StoredCheckpoint:
    with shown_files() as report:
        return models.assemble_checkpoint().execute(
            transformers,
            parts_from and parts_from.resolve(),
            checkpoint,
            report,
            in_place=in_place,
        )


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
