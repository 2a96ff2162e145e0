"""The options that commands share, and groups of commands that share some."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import typer

from domain.errors import InvalidRequest, Violation
from domain.lora import LoraDraft

Config: TypeAlias = Annotated[
    Path | None, typer.Option(help="A TOML file of settings.", dir_okay=False)
]
DataDir: TypeAlias = Annotated[
    Path | None, typer.Option(help="Where everything is kept.", file_okay=False)
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Backend: TypeAlias = Annotated[
    str | None, typer.Option(help="diffusers, or synthetic: a test card.")
]
Port: TypeAlias = Annotated[int | None, typer.Option(help="Port the server listens on. [8022]")]

_SIZE: Final = re.compile(r"(\d{1,6})[xX*](\d{1,6})")
_CONTEXT: Final = inspect.Parameter(
    "context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context
)


def refused(field: str, reason: str, *nearest: str) -> InvalidRequest:
    """What is said where an option, or an argument, cannot be meant; `field` as a request would call it."""
    return InvalidRequest([Violation(pointer=f"/{field}", reason=reason, nearest=nearest)])


def parse_size(text: str | None) -> tuple[int, int] | tuple[None, None]:
    """Width and height of `832x480`; nothing of nothing.

    Raises:
        InvalidRequest: it is no such thing.
    """
    if text is None:
        return None, None
    if match := _SIZE.fullmatch(text):
        return int(match[1]), int(match[2])
    raise refused("size", f"{text!r} is not a size such as 832x480")


def parse_pair(text: str) -> tuple[float, float] | None:
    """What `X,Y` gives the high-noise and the low-noise expert; `X` is for both. None where it is neither."""
    try:
        high, low = (float(part) for part in (text if "," in text else f"{text},{text}").split(","))
    except ValueError:
        return None
    return high, low


def parse_guidance(text: str | None) -> tuple[float, float] | tuple[None, None]:
    """Both experts' guidance; nothing of nothing.

    Raises:
        InvalidRequest: it is neither one number nor two.
    """
    if text is None:
        return None, None
    if pair := parse_pair(text):
        return pair
    raise refused("guidance", f"{text!r} is not X or X,Y")


def parse_lora(text: str) -> LoraDraft:
    """What `NAME`, `NAME:STRENGTH` or `NAME:HIGH,LOW` means.

    Raises:
        InvalidRequest: it is none of these.
    """
    name, colon, strength = text.rpartition(":")
    if not colon:
        return LoraDraft(name=text)
    numbers = parse_pair(strength)
    if numbers is None:
        forms = "NAME, NAME:STRENGTH or NAME:HIGH,LOW, such as turn:0.8"
        raise refused("lora", f"{text!r} is not {forms}")
    high, low = numbers
    return LoraDraft(name=name, strength_high_noise=high, strength_low_noise=low)


def command_group(
    options: Mapping[str, Any],
    begin: Callable[..., Any],
    *,
    commands: Mapping[str, Callable[..., None]],
    default: Callable[[Any], None],
    about: str,
) -> typer.Typer:
    """Commands that share options, each of which may be said before a command's name or after it.

    Args:
        options: the shared ones by name, each as it would be annotated.
        begin: takes the context, and the shared options by their names.
        commands: by name; each takes what `begin` makes first, then its own arguments.
        default: what is done where no command is named.
    """
    app = typer.Typer(help=about, no_args_is_help=False)

    def unless_another(context: typer.Context, **said: Any) -> None:
        context.obj = said
        if context.invoked_subcommand is None:
            default(begin(context, **said))

    app.callback(invoke_without_command=True)(_with_options(unless_another, [], options))
    for name, command in commands.items():
        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
        app.command(name)(_with_options(_joined(command, options, begin), own, options, command))
    return app


def _joined(
    command: Callable[..., None], options: Mapping[str, Any], begin: Callable[..., Any]
) -> Callable[..., None]:
    """`command` with what was said before its name and after it; the latter wins."""

    def run(context: typer.Context, **said: Any) -> None:
        before: Mapping[str, Any] = context.obj
        after = {name: said.pop(name) for name in options}
        told = {name: value or before[name] for name, value in after.items()}
        command(begin(context, **told), **said)

    return run


def _with_options(
    run: Callable[..., None],
    own: Sequence[inspect.Parameter],
    options: Mapping[str, Any],
    described_by: Callable[..., None] | None = None,
) -> Callable[..., None]:
    """`run` with a signature for Typer to read: the context, `own`, and `options`."""
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [_CONTEXT, *(parameter.replace(kind=kind) for parameter in own)]
    for name, annotation in options.items():
        silence = False if annotation is AsJson else None
        parameters.append(inspect.Parameter(name, kind, default=silence, annotation=annotation))

    def command(**said: Any) -> None:
        run(**said)

    command.__doc__ = described_by.__doc__ if described_by else None
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command
