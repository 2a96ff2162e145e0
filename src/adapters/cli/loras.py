"""`wan loras`: which LoRAs lie here, what their files say of themselves, why one cannot be used."""

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console
from rich.markup import escape

from adapters.cli.files_progress import gib
from adapters.cli.options import AsJson, Config, DataDir
from domain.lora import Lora, LoraFile
from domain.ports.lora_catalog import LoraCatalog

#: Opens the folder of LoRAs; takes the settings' file and what overrides it.
Open: TypeAlias = Callable[[Path | None, Mapping[str, Any]], LoraCatalog]


def add_command(app: typer.Typer, open_catalog: Open) -> None:
    """Give `app` the command."""

    @app.command("loras")
    def show_loras(
        name: Annotated[
            str | None, typer.Argument(help="Only this one, with the SHA-256 of its files.")
        ] = None,
        data_dir: DataDir = None,
        config: Config = None,
        as_json: AsJson = False,
    ) -> None:
        """Show which LoRAs lie in the folder `loras` of the data directory, and what fits them."""
        catalog = open_catalog(config, {"data_dir": data_dir and str(data_dir)})
        told = list(_all(catalog)) if name is None else [_hashed(catalog, name)]
        if as_json:
            print(json.dumps(told if name is None else told[0], indent=2))
            return
        console = Console(highlight=False, soft_wrap=True)
        for lora in told:
            for line in _paragraph(lora):
                console.print(line)
        if not told:
            print(
                "No LoRA is here. A file of one belongs into the folder `loras` of the data directory."
            )


def _all(catalog: LoraCatalog) -> Iterator[dict[str, Any]]:
    for entry in catalog.entries():
        if entry.lora is None:
            yield _facts_of(entry.name, problem=entry.problem)
        else:
            yield _told(entry.lora, [None] * len(entry.lora.files))


def _hashed(catalog: LoraCatalog, name: str) -> dict[str, Any]:
    lora = catalog.find(name)
    return _told(lora, catalog.hashes(lora))


def _told(lora: Lora, hashes: Sequence[str | None]) -> dict[str, Any]:
    """As the HTTP API has it."""
    files = [_file(file, sha256) for file, sha256 in zip(lora.files, hashes, strict=True)]
    return _facts_of(lora.name, family=lora.family, files=files)


def _facts_of(
    name: str,
    *,
    problem: str | None = None,
    family: str | None = None,
    files: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    is_usable = problem is None
    told = {"name": name, "available": is_usable, "problem": problem}
    return {**told, "family": family, "files": list(files)}


def _file(file: LoraFile, sha256: str | None) -> dict[str, Any]:
    return {
        "file": file.path.name,
        "size_bytes": file.size_bytes,
        "experts": list(file.experts),
        "ranks": list(file.ranks),
        "alphas": list(file.alphas),
        "tensors": file.tensors,
        "unknown": len(file.unknown),
        "sha256": sha256,
    }


def _paragraph(lora: Mapping[str, Any]) -> Iterator[str]:
    name = f"[bold]{escape(lora['name'])}[/]"
    if lora["problem"]:
        yield f"{name}  [red]cannot be used[/]"
        yield f"  {escape(lora['problem'])}"
        return
    yield f"{name}  " + (
        f"for {lora['family']}" if lora["family"] else "[red]fits no checkpoint[/]"
    )
    for file in lora["files"]:
        yield f"  {escape(file['file'])}: {_facts(file)}"
        if file["sha256"]:
            yield f"    sha256 {file['sha256']}"
    if lora["family"] and ":" not in lora["name"]:
        yield f"  try: --lora {escape(shlex.quote(lora['name']))}"


def _facts(file: Mapping[str, Any]) -> str:
    experts = " and ".join(expert.replace("_", " ") for expert in file["experts"])
    facts = [gib(file["size_bytes"]), experts, f"rank {_numbers(file['ranks'])}"]
    if file["alphas"]:
        facts.append(f"alpha {_numbers(file['alphas'])}")
    facts.append(f"{file['tensors']} tensors")
    if file["unknown"]:
        facts.append(f"{file['unknown']} more that are not understood")
    return ", ".join(facts)


def _numbers(rising: Sequence[float]) -> str:
    """Two, or the range where there are more."""
    few = rising if len(rising) <= 2 else (rising[0], rising[-1])
    return (" and " if len(rising) <= 2 else " to ").join(f"{value:g}" for value in few)
