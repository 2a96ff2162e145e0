"""`wan keys`: who may ask this machine's server for videos, and how much. Works beside a running server."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import msgspec
import typer
from rich.console import Console

from adapters.cli.options import AsJson, Config, DataDir, command_group
from application.manage_keys import ManageKeys
from domain.access import Quota, Scope
from domain.api_key import ApiKey

#: Makes what looks after the keys, from a settings file and settings by their dotted names.
Manage: TypeAlias = Callable[[Path | None, Mapping[str, Any]], ManageKeys]

_QUOTA: Final = Quota()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a command below `wan keys` was asked with: whom it asks in turn, and how it answers."""

    keys: ManageKeys
    as_json: bool


def keys_app(manage: Manage) -> typer.Typer:
    """The commands below `wan keys`; without one, they are listed."""

    def begin(
        _context: typer.Context, data_dir: Path | None, config: Path | None, *, as_json: bool
    ) -> Asked:
        keys = manage(config, {"data_dir": data_dir and str(data_dir)})
        return Asked(keys=keys, as_json=as_json)

    return command_group(
        {"data_dir": DataDir, "config": Config, "as_json": AsJson},
        begin,
        commands={"create": create, "list": list_keys, "revoke": revoke},
        default=list_keys,
        about="Say who may ask for videos, and how much.",
    )


def create(
    asked: Asked,
    name: Annotated[str, typer.Argument(help="What to call it.")],
    scope: Annotated[
        Scope, typer.Option(help="Each may do what those before it may.")
    ] = Scope.GENERATE,
    waiting: Annotated[int, typer.Option(help="Generations it may have in line.")] = _QUOTA.waiting,
    submissions_per_minute: Annotated[
        int, typer.Option(help="Generations, retries and uploads; twice as many at once.")
    ] = _QUOTA.submissions_per_minute,
    requests_per_minute: Annotated[
        int, typer.Option(help="Everything else; twice as many at once.")
    ] = _QUOTA.requests_per_minute,
    streams: Annotated[int, typer.Option(help="Event streams open at once.")] = _QUOTA.streams,
    job_cost: Annotated[
        int | None, typer.Option(help="Width x height x frames x steps. [what the server allows]")
    ] = None,
) -> None:
    """Make a key. It is shown once, alone on standard output, and kept as a hash."""
    quota = Quota(
        waiting=waiting,
        submissions_per_minute=submissions_per_minute,
        requests_per_minute=requests_per_minute,
        streams=streams,
        job_cost=job_cost,
    )
    _show_new(*asked.keys.create(name, scope, quota), as_json=asked.as_json)


def list_keys(asked: Asked) -> None:
    """Every key there ever was; never the key itself."""
    _show(asked.keys.all(), as_json=asked.as_json)


def revoke(
    asked: Asked, name: Annotated[str, typer.Argument(help="A key's name, or its id.")]
) -> None:
    """Make a key worthless, for a running server too; its streams end within 60 s."""
    key = asked.keys.revoke(name)
    if asked.as_json:
        print(json.dumps(_told(key), indent=2))
    else:
        print(f"{key.name} ({key.id}) is revoked.")


def _show_new(key: ApiKey, secret: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"key": secret, **_told(key)}, indent=2))
        return
    print(secret)
    print(
        f"{key.name} ({key.id}, {key.scope}): keep it now, it is not shown again. From the first key "
        "on, a server on this data directory asks for one.",
        file=sys.stderr,
    )


def _show(keys: Sequence[ApiKey], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([_told(key) for key in keys], indent=2))
        return
    console = Console(highlight=False, soft_wrap=True)
    for key in keys:
        console.print("  ".join(_columns(key)), markup=False)
    if not keys:
        console.print("No keys: whoever reaches the server may do everything.")


def _told(key: ApiKey) -> dict[str, Any]:
    told = dict(msgspec.to_builtins(key))
    del told["sha256"]
    return told


def _columns(key: ApiKey) -> Iterator[str]:
    yield f"{key.name:<16}"
    yield key.id
    yield f"{key.scope:<8}"
    yield f"{key.created_at:%Y-%m-%d}"
    if key.revoked_at is not None:
        yield f"revoked {key.revoked_at:%Y-%m-%d}"
        return
    usual, own = msgspec.to_builtins(_QUOTA), msgspec.to_builtins(key.quota)
    for name, number in own.items():
        if number != usual[name]:
            yield f"{name.replace('_', ' ')} {number}"
