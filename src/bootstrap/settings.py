"""Every setting there is, from defaults, a TOML file, the environment and the command line.

The only module that reads the environment. A key nobody knows is refused, with the nearest one that
exists: a mistyped setting must never be silently the default.
"""

import difflib
import math
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from bootstrap.setting_sections import (
    Database,
    Disk,
    Hub,
    Log,
    Models,
    Monitor,
    Pipeline,
    Resume,
    Section,
    Server,
    Thermal,
    Watchdog,
)
from domain.errors import DomainError
from domain.heat import HeatLimits
from domain.watchdog import Budgets

_PREFIX: Final = "WAN_"
#: What a setting with few values takes, for those who said something else.
_CHOICES: Final = {
    "log.level": "DEBUG, INFO, WARNING or ERROR",
    "log.format": "console or json",
    "pipeline.backend": "diffusers or synthetic",
    "renderer": "subprocess or inprocess",
    "resume.interval": "auto, or every how many steps",
    "workers": "auto, or how many",
    "server.port": "a whole number",
    "thermal.hold_c": "auto, never, or degrees Celsius",
}
#: Names the file to read; not a setting itself.
_CONFIG_VARIABLE: Final = "WAN_CONFIG"
_VISIBLE: Final = "CUDA_VISIBLE_DEVICES"
#: huggingface_hub's own name for another hub; ours goes before it.
_HUB_VARIABLE: Final = "HF_ENDPOINT"


class SettingsError(DomainError):
    """The settings cannot be used."""

    code = "bad-settings"


class Settings(Section, frozen=True, kw_only=True):
    """All of them. `workers`: `auto` is one per accelerator, and one on a machine without."""

    data_dir: str
    server: Server = msgspec.field(default_factory=Server)
    pipeline: Pipeline = msgspec.field(default_factory=Pipeline)
    resume: Resume = msgspec.field(default_factory=Resume)
    database: Database = msgspec.field(default_factory=Database)
    models: Models = msgspec.field(default_factory=Models)
    hub: Hub = msgspec.field(default_factory=Hub)
    workers: Literal["auto"] | int = "auto"
    renderer: Literal["subprocess", "inprocess", "ray"] = "subprocess"
    watchdog: Watchdog = msgspec.field(default_factory=Watchdog)
    disk: Disk = msgspec.field(default_factory=Disk)
    monitor: Monitor = msgspec.field(default_factory=Monitor)
    thermal: Thermal = msgspec.field(default_factory=Thermal)
    log: Log = msgspec.field(default_factory=Log)

    @property
    def models_dir(self) -> Path:
        return _absolute(self.models.dir) if self.models.dir else Path(self.data_dir) / "models"

    @property
    def budgets(self) -> Budgets:
        return Budgets(**msgspec.structs.asdict(self.watchdog))

    @property
    def heat_limits(self) -> HeatLimits | None:
        """None where nothing is ever held."""
        hold_c, cool_by_c = self.thermal.hold_c, self.thermal.cool_by_c
        if hold_c == "never":
            return None
        return HeatLimits(hold_c=None if hold_c == "auto" else hold_c, cool_by_c=cool_by_c)

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite+aiosqlite:///{Path(self.data_dir) / 'jobs.db'}"


def load_settings(
    *,
    overrides: Mapping[str, Any],
    defaults: Mapping[str, Any] | None = None,
    config: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Merge what is said, the later winning: defaults, the TOML file, `WAN_*` variables, `overrides`.

    Args:
        defaults: dotted keys that say what silence means, where it is not the setting's own default.
        overrides: dotted keys, such as `server.port`; None values are no saying.
        config: a TOML file; without one, what `WAN_CONFIG` names, if anything.
        environment: the process's own where None.

    Raises:
        SettingsError: a file that cannot be read, a key nobody knows, a value of the wrong type.
    """
    environment = os.environ if environment is None else environment
    if config is None and (named := environment.get(_CONFIG_VARIABLE)):
        config = Path(named)
    told: dict[str, Any] = {"data_dir": str(_default_data_dir(environment))}
    if named := environment.get(_HUB_VARIABLE):
        _put(told, ["hub", "endpoint"], named)
    for key, value in (defaults or {}).items():
        _put(told, key.split("."), value)
    _merge(told, _read_toml(config) if config else {})
    spoken = _from_environment(environment) | {k: v for k, v in overrides.items() if v is not None}
    for key, value in spoken.items():
        _put(told, key.split("."), value.upper() if key == "log.level" else value)
    _refuse_unknown(told)
    try:
        settings = msgspec.convert(told, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(_explain(str(error), told)) from error
    if complaint := next(_complaints(settings), None):
        raise SettingsError(complaint)
    return msgspec.structs.replace(settings, data_dir=str(_absolute(settings.data_dir)))


def visible_accelerators(found: Sequence[int]) -> Sequence[str]:
    """What CUDA may see of the accelerators `found`: an operator's own `CUDA_VISIBLE_DEVICES` rules.

    In it, -1 and all that follows is hidden, as CUDA reads it.
    """
    chosen = os.environ.get(_VISIBLE)
    if chosen is None:
        return [str(index) for index in found]
    named = [part.strip() for part in chosen.split(",") if part.strip()]
    return list(takewhile(lambda part: part != "-1", named))


def worker_environment(accelerator: str | None) -> dict[str, str]:
    """The environment of a worker: offline, and seeing one accelerator only, where there are any.

    Args:
        accelerator: one of `visible_accelerators`; None where there are none.
    """
    variables = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        # It warns of every optional package that is not here.
        "TRANSFORMERS_VERBOSITY": "error",
        # Lets diffusers look for a GPU at import without taking hold of one.
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
        # CUDA would count the fastest first; the driver, whom we ask, counts by slot.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        # glibc would keep a decode's tensors for the next: 100 MB beside `mini`, which needs 580.
        "MALLOC_MMAP_THRESHOLD_": "16777216",
        "MALLOC_TRIM_THRESHOLD_": "33554432",
    }
    if accelerator is not None:
        variables[_VISIBLE] = accelerator
    return variables


def url_host(host: str) -> str:
    """The host as URLs and Host headers spell it: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


def setting_keys(kind: type[msgspec.Struct] = Settings, prefix: str = "") -> list[str]:
    """Every dotted key, in the order of definition."""
    keys: list[str] = []
    for field in msgspec.structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            keys += setting_keys(field.type, f"{prefix}{field.name}.")
        else:
            keys.append(prefix + field.name)
    return keys


def _explain(complaint: str, told: Mapping[str, Any]) -> str:
    """Msgspec's complaint, ` - at `$.log.level`` at its end, in the words of settings."""
    key = complaint.rpartition("`$.")[2].rstrip("`")
    value: Any = told
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else value
    choices = _CHOICES.get(key)
    wanted = choices or complaint.partition(" - at")[0]
    return f"{key} ({_variable(key)}) cannot be {value!r}: {wanted}."


def _default_data_dir(environment: Mapping[str, str]) -> Path:
    """By the XDG base directory specification."""
    base = environment.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "wan-studio"


def _absolute(path: str) -> Path:
    return Path(path).expanduser().absolute()


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"The settings file {path} cannot be read: {error.strerror}."
        ) from error
    except ValueError as error:
        raise SettingsError(f"The settings file {path} is not TOML: {error}.") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """`WAN_SERVER__PORT=1` is `server.port`; commas separate lists; empty is as good as unset."""
    spoken: dict[str, Any] = {}
    for name, value in environment.items():
        if name.startswith(_PREFIX) and name != _CONFIG_VARIABLE and value:
            key = name.removeprefix(_PREFIX).lower().replace("__", ".")
            listed = key == "server.allowed_hosts"
            parts = [part.strip() for part in value.split(",") if part.strip()]
            spoken[key] = parts if listed else value
    return spoken


def _put(told: dict[str, Any], path: list[str], value: object) -> None:
    for part in path[:-1]:
        told = told.setdefault(part, {})
        if not isinstance(told, dict):
            raise SettingsError(f"{part} is a section, not a value.")
    told[path[-1]] = value


def _merge(told: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Lay `more` over `told`, section by section."""
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(told.get(key), dict):
            _merge(told[key], value)
        else:
            told[key] = value


def _refuse_unknown(told: Mapping[str, Any]) -> None:
    known = setting_keys()
    for key in _keys_of(told):
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f" Did you mean {near[0]}?" if near else f" There are: {', '.join(known)}."
            raise SettingsError(f"No setting is called {key} ({_variable(key)}).{hint}")


def _keys_of(told: Mapping[str, Any], prefix: str = "") -> Iterable[str]:
    for key, value in told.items():
        if isinstance(value, dict):
            yield from _keys_of(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def _variable(key: str) -> str:
    return _PREFIX + key.upper().replace(".", "__")


def _complaints(settings: Settings) -> Iterator[str]:
    """A sentence for each value of the right type that still cannot be meant, with those that can."""
    if not 0 <= settings.server.port <= 65535:
        yield f"server.port is {settings.server.port}; ports are 0 to 65535."
    if settings.workers != "auto" and settings.workers < 1:
        yield f"workers is {settings.workers}; it must be auto, or at least 1."
    yield from _of_times(settings)
    if settings.disk.hard_mib < 0:
        yield (
            f"disk.hard_mib is {settings.disk.hard_mib}; it must be at least 0, which is no mark at all."
        )
    if settings.disk.hard_mib > settings.disk.soft_mib:
        yield (
            f"disk.hard_mib is {settings.disk.hard_mib}, above disk.soft_mib "
            f"({settings.disk.soft_mib}): nothing is accepted below the one, started below the other."
        )
    if settings.resume.interval != "auto" and settings.resume.interval < 1:
        yield f"resume.interval is {settings.resume.interval}; it must be auto, or at least 1."
    if not settings.hub.endpoint.startswith(("https://", "http://")):
        yield (
            f"hub.endpoint is {settings.hub.endpoint!r}; it must be a URL such as https://huggingface.co."
        )
    yield from _of_heat(settings.thermal)
    if settings.renderer == "ray":
        yield "The ray renderer is not built yet; choose subprocess or inprocess."


def _of_times(settings: Settings) -> Iterator[str]:
    """Times that never pass, or have always passed; nan is neither, and is refused, too."""
    for key, seconds in msgspec.structs.asdict(settings.watchdog).items():
        if not 0 < seconds < math.inf:
            yield f"watchdog.{key} is {seconds} s; it must be more than 0, and finite."
    for key, seconds in (
        ("server.grace_s", settings.server.grace_s),
        ("pipeline.card_step_s", settings.pipeline.card_step_s),
    ):
        if not 0 <= seconds < math.inf:
            yield f"{key} is {seconds} s; it must be at least 0, and finite."
    if not 0.5 <= settings.monitor.interval_s <= 30:  # a temperature is believed for 60 s
        yield f"monitor.interval_s is {settings.monitor.interval_s} s; it must be 0.5 to 30."


def _of_heat(thermal: Thermal) -> Iterator[str]:
    if isinstance(thermal.hold_c, int) and not 40 <= thermal.hold_c <= 120:
        yield f"thermal.hold_c is {thermal.hold_c}; it must be auto, never, or 40 to 120 °C."
    if not 1 <= thermal.cool_by_c <= 30:
        yield f"thermal.cool_by_c is {thermal.cool_by_c}; it must be 1 to 30 °C."
