"""Groups of commands that ask a running server: whom they ask, and how they show what it says."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer
from rich.markup import escape

from adapters.cli.options import AsJson, Config, Port, command_group

if TYPE_CHECKING:  # its HTTP client takes a tenth of a second to load, and few commands need it
    from adapters.cli.service import Service

#: Makes the way to the server from the settings file and the port that were named, if any.
Connect: TypeAlias = "Callable[[Path | None, int | None], Service]"

GenerationId = Annotated[str, typer.Argument(help="A generation's id.")]

_PROMPT_CHARACTERS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a command was asked with: whom it asks in turn, and how it answers."""

    service: "Service"
    as_json: bool


def asking_group(
    connect: Connect,
    *,
    commands: Mapping[str, Callable[..., None]],
    default: Callable[[Asked], None],
    about: str,
) -> typer.Typer:
    """Commands that take an `Asked` first, under a name of their own; see `command_group`."""

    def begin(
        context: typer.Context, config: Path | None, port: int | None, *, as_json: bool
    ) -> Asked:
        service = connect(config, port)
        context.call_on_close(service.close)
        return Asked(service=service, as_json=as_json)

    shared = {"config": Config, "port": Port, "as_json": AsJson}
    return command_group(shared, begin, commands=commands, default=default, about=about)


def print_json(told: Mapping[str, Any]) -> None:
    """As programs read it."""
    print(json.dumps(told, ensure_ascii=False, indent=2))


def subject(generation: Mapping[str, Any]) -> str:
    """Which one it is, in Rich's markup: its id, checkpoint, and the beginning of its prompt."""
    request = generation["request"]
    prompt = " ".join(request["prompt"].split())
    if len(prompt) > _PROMPT_CHARACTERS:
        prompt = prompt[: _PROMPT_CHARACTERS - 1] + "…"
    return f'{generation["id"]}  {request["checkpoint"]}  "{escape(prompt)}"'
