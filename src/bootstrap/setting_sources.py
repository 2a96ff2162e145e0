"""Where settings are said: which source says what, and which key nobody knows.

Knows nothing of what a setting means.
"""

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from domain.close_names import closest
from domain.errors import DomainError

_PREFIX: Final = "WAN_"
#: Settings that are lists: in a variable, commas separate their members.
_LISTS: Final = frozenset({"server.allowed_hosts", "webhooks.allow", "webhooks.private_hosts"})


class SettingsError(DomainError):
    """The settings cannot be used."""

    code = "bad-settings"


class Said(NamedTuple):
    """A setting's value, and where it was said: a variable's name, or a file's."""

    value: Any
    where: str


def from_toml(path: Path, known: Sequence[str]) -> dict[str, Said]:
    """What the file says, by dotted keys.

    Raises:
        SettingsError: it cannot be read, or is not TOML.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"The settings file {path} cannot be read: {error.strerror}."
        ) from error
    except ValueError as error:
        raise SettingsError(f"The settings file {path} is not TOML: {error}.") from error
    return {key: Said(value, f"in {path}") for key, value in _flat(told, known)}


def from_environment(environment: Mapping[str, str], *, but: Collection[str]) -> dict[str, Said]:
    """`WAN_SERVER__PORT=1` is `server.port`; commas separate lists; empty is as good as unset.

    Args:
        but: variables that are no settings.
    """
    said = {}
    for name, value in environment.items():
        if name.startswith(_PREFIX) and name not in but and value:
            key = name.removeprefix(_PREFIX).lower().replace("__", ".")
            parts = [part.strip() for part in value.split(",") if part.strip()]
            said[key] = Said(parts if key in _LISTS else value, name)
    return said


def refuse_unknown(said: Mapping[str, Said], known: Sequence[str]) -> None:
    """A mistyped setting must never be silently the default.

    Raises:
        SettingsError: names the key, where it was said, and the one that was probably meant.
    """
    for key, (_, where) in said.items():
        if key not in known:
            raise SettingsError(f"No setting is called {key} ({where}). {_hint(key, known)}")


def _hint(key: str, known: Sequence[str]) -> str:
    if within := [name for name in known if name.startswith(f"{key}.")]:
        return f"It is a section: in it are {', '.join(within)}."
    elsewhere = [name for name in known if name.endswith(f".{key}")]
    if near := elsewhere or closest(key, known):
        return f"Did you mean {near[0]}?"
    return f"There are: {', '.join(known)}."


def _flat(
    told: Mapping[str, Any], known: Sequence[str], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    for name, value in told.items():
        key = prefix + name
        if not isinstance(value, dict):
            yield key, value
        elif value:
            yield from _flat(value, known, f"{key}.")
        elif not any(other.startswith(f"{key}.") for other in known):
            yield key, value  # an empty section that nobody knows
