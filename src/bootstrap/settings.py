"""Every setting there is, from defaults, a TOML file, the environment and the command line.

The only module that reads settings from the environment. A key nobody knows is refused, with the nearest one that
exists: a mistyped setting must never be silently the default.
"""

import ipaddress
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from bootstrap.setting_sections import (
    Database,
    Disk,
    Hub,
    Limits,
    Log,
    Models,
    Monitor,
    OpenAI,
    Outputs,
    Pipeline,
    Previews,
    Resume,
    Section,
    Server,
    Telemetry,
    Thermal,
    Watchdog,
    Webhooks,
)
from bootstrap.setting_sources import (
    Said,
    SettingsError,
    from_environment,
    from_toml,
    refuse_unknown,
)
from domain.attention import Attention
from domain.checkpoint import checkpoint_spec
from domain.close_names import closest
from domain.compilation import Compilation
from domain.errors import InvalidRequest, UnknownCheckpoint
from domain.heat import HeatLimits
from domain.watchdog import Budgets
from domain.webhook import WebhookRules, secret_bytes

#: What a setting with few values takes, for those who said something else.
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "log.level": ("DEBUG", "INFO", "WARNING", "ERROR"),
    "log.format": ("console", "json"),
    "pipeline.attention": tuple(Attention),
    "pipeline.compile": tuple(Compilation),
    "pipeline.backend": ("diffusers", "synthetic"),
    "renderer": ("subprocess", "inprocess"),
}
#: What else a setting takes.
_WANTED: Final = {
    "outputs.keep_days": "forever, or how many days",
    "outputs.trash_days": "how many days",
    "previews.interval": "off, or seconds",
    "models.keep_alive_s": "seconds, or forever",
    "resume.interval": "auto, or every how many steps",
    "workers": "auto, or how many",
    "server.port": "a whole number",
    "thermal.hold_c": "auto, never, or degrees Celsius",
}
#: A century; much longer, and there is no such date.
_MAX_DAYS: Final = 36500
#: Names the file to read; not a setting itself.
_CONFIG_VARIABLE: Final = "WAN_CONFIG"
#: What the command line shows to a server that asks for keys; not a setting, so that it is handed to nobody.
KEY_VARIABLE: Final = "WAN_API_KEY"
_NO_SETTINGS: Final = frozenset({_CONFIG_VARIABLE, KEY_VARIABLE})
#: How the variables begin that no worker is to have.
SECRETS: Final = (KEY_VARIABLE, "WAN_WEBHOOKS__", "WAN_TELEMETRY__", "OTEL_")
#: What huggingface_hub calls the same. Ours goes before it. Not what OpenTelemetry does: platforms set that
#: for whatever they run, and traces leave only where they were asked to.
_ELSEWHERE: Final = {"hub.endpoint": "HF_ENDPOINT"}


class Settings(Section, frozen=True, kw_only=True):
    """All of them. `workers`: `auto` is one per accelerator; see `places` for a machine without."""

    data_dir: str
    server: Server = msgspec.field(default_factory=Server)
    pipeline: Pipeline = msgspec.field(default_factory=Pipeline)
    resume: Resume = msgspec.field(default_factory=Resume)
    previews: Previews = msgspec.field(default_factory=Previews)
    database: Database = msgspec.field(default_factory=Database)
    models: Models = msgspec.field(default_factory=Models)
    openai: OpenAI = msgspec.field(default_factory=OpenAI)
    hub: Hub = msgspec.field(default_factory=Hub)
    workers: Literal["auto"] | int = "auto"
    renderer: Literal["subprocess", "inprocess", "ray"] = "subprocess"
    watchdog: Watchdog = msgspec.field(default_factory=Watchdog)
    disk: Disk = msgspec.field(default_factory=Disk)
    outputs: Outputs = msgspec.field(default_factory=Outputs)
    monitor: Monitor = msgspec.field(default_factory=Monitor)
    thermal: Thermal = msgspec.field(default_factory=Thermal)
    limits: Limits = msgspec.field(default_factory=Limits)
    webhooks: Webhooks = msgspec.field(default_factory=Webhooks)
    telemetry: Telemetry = msgspec.field(default_factory=Telemetry)
    log: Log = msgspec.field(default_factory=Log)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        if self.server.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.server.host).is_loopback
        except ValueError:
            return False

    @property
    def models_dir(self) -> Path:
        return _absolute(self.models.dir) if self.models.dir else Path(self.data_dir) / "models"

    @property
    def keep_alive_s(self) -> float:
        return math.inf if self.models.keep_alive_s == "forever" else self.models.keep_alive_s

    @property
    def budgets(self) -> Budgets:
        return Budgets(**msgspec.structs.asdict(self.watchdog))

    @property
    def keep_days(self) -> int | None:
        """None where videos are kept for ever."""
        return None if self.outputs.keep_days == "forever" else self.outputs.keep_days

    @property
    def heat_limits(self) -> HeatLimits | None:
        """None where nothing is ever held."""
        hold_c, cool_by_c = self.thermal.hold_c, self.thermal.cool_by_c
        if hold_c == "never":
            return None
        return HeatLimits(hold_c=None if hold_c == "auto" else hold_c, cool_by_c=cool_by_c)

    @property
    def webhook_rules(self) -> WebhookRules:
        return WebhookRules(allow=self.webhooks.allow, private_hosts=self.webhooks.private_hosts)

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
    said = {"data_dir": Said(str(_default_data_dir(environment)), "the default")}
    for key, variable in _ELSEWHERE.items():
        if named := environment.get(variable):
            said[key] = Said(named, variable)
    said |= {key: Said(value, "the default") for key, value in (defaults or {}).items()}
    known = setting_keys()
    said |= from_toml(config, known) if config else {}
    said |= from_environment(environment, but=_NO_SETTINGS)
    said |= {
        key: Said(value, "as it was asked for")
        for key, value in overrides.items()
        if value is not None
    }
    refuse_unknown(said, known)
    try:
        settings = msgspec.convert(_nested(said), Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(_explain(str(error), said)) from error
    if complaint := next(_complaints(settings), None):
        raise SettingsError(complaint)
    return msgspec.structs.replace(settings, data_dir=str(_absolute(settings.data_dir)))


def api_key() -> str | None:
    """The key that `WAN_API_KEY` holds, if any."""
    return os.environ.get(KEY_VARIABLE) or None


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


def _nested(said: Mapping[str, Said]) -> dict[str, Any]:
    """As the sections have it. Every key is known."""
    told: dict[str, Any] = {}
    for key, (value, _) in said.items():
        *sections, name = key.split(".")
        place = told
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value.upper() if key == "log.level" and isinstance(value, str) else value
    return told


def _explain(complaint: str, said: Mapping[str, Said]) -> str:
    """Msgspec's complaint, ` - at `$.log.level`` at its end, in the words of settings."""
    key = complaint.rpartition("`$.")[2].rstrip("`").partition("[")[0]
    value, where = said[key]
    choices = _CHOICES.get(key, ())
    wanted = f"{', '.join(choices[:-1])} or {choices[-1]}" if choices else _WANTED.get(key)
    near = closest(str(value), choices)
    hint = f" Did you mean {near[0]}?" if near else ""
    return (
        f"{key} ({where}) cannot be {value!r}: {wanted or complaint.partition(' - at')[0]}.{hint}"
    )


def _default_data_dir(environment: Mapping[str, str]) -> Path:
    """By the XDG base directory specification."""
    base = environment.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "wan-studio"


def _absolute(path: str) -> Path:
    return Path(path).expanduser().absolute()


def _complaints(settings: Settings) -> Iterator[str]:
    """A sentence for each value of the right type that still cannot be meant, with those that can."""
    if not 0 <= settings.server.port <= 65535:
        yield f"server.port is {settings.server.port}; ports are 0 to 65535."
    if settings.workers != "auto" and settings.workers < 1:
        yield f"workers is {settings.workers}; it must be auto, or at least 1."
    yield from _of_times(settings)
    yield from _of_limits(settings.limits)
    yield from _of_webhooks(settings)
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
    yield from _of_urls(settings)
    yield from _of_models(settings)
    yield from _of_heat(settings.thermal)
    yield from _of_outputs(settings)
    if settings.renderer == "ray":
        yield "The ray renderer is not built yet; choose subprocess or inprocess."


def _of_urls(settings: Settings) -> Iterator[str]:
    for key, url, example in (
        ("hub.endpoint", settings.hub.endpoint, "https://huggingface.co"),
        ("telemetry.endpoint", settings.telemetry.endpoint or "http://", "http://127.0.0.1:4318"),
    ):
        if not url.startswith(("https://", "http://")):
            yield f"{key} is {url!r}; it must be a URL such as {example}."


def _of_models(settings: Settings) -> Iterator[str]:
    try:
        checkpoint_spec(settings.openai.default_model)
    except UnknownCheckpoint as error:
        yield f"openai.default_model: {error.message}"


def _of_times(settings: Settings) -> Iterator[str]:
    """Times that never pass, or have always passed; nan is neither, and is refused, too."""
    for key, seconds in msgspec.structs.asdict(settings.watchdog).items():
        if not 0 < seconds < math.inf:
            yield f"watchdog.{key} is {seconds} s; it must be more than 0, and finite."
    for key, seconds in (
        ("server.grace_s", settings.server.grace_s),
        ("pipeline.card_step_s", settings.pipeline.card_step_s),
        ("previews.interval", settings.previews.interval),
    ):
        if seconds != "off" and not 0 <= seconds < math.inf:
            yield f"{key} is {seconds} s; it must be at least 0, and finite."
    kept_s = settings.models.keep_alive_s
    if kept_s != "forever" and not 0 <= kept_s < math.inf:
        yield f"models.keep_alive_s is {kept_s} s; it must be at least 0, or forever."
    if not 0.5 <= settings.monitor.interval_s <= 30:  # a temperature is believed for 60 s
        yield f"monitor.interval_s is {settings.monitor.interval_s} s; it must be 0.5 to 30."


def _of_limits(limits: Limits) -> Iterator[str]:
    for key, limit in msgspec.structs.asdict(limits).items():
        if limit < 0:
            yield f"limits.{key} is {limit}; it must be at least 0, which is no limit."


def _of_outputs(settings: Settings) -> Iterator[str]:
    if settings.keep_days is not None and not 1 <= settings.keep_days <= _MAX_DAYS:
        yield f"outputs.keep_days is {settings.keep_days}; it must be forever, or 1 to {_MAX_DAYS}."
    if not 0 <= settings.outputs.trash_days <= _MAX_DAYS:
        yield f"outputs.trash_days is {settings.outputs.trash_days}; it must be 0 to {_MAX_DAYS}."


def _of_webhooks(settings: Settings) -> Iterator[str]:
    webhooks = settings.webhooks
    if webhooks.url:
        try:
            settings.webhook_rules.target(webhooks.url)
        except InvalidRequest as error:
            yield f"webhooks.url {error.violations[0].reason}, unless its host is in webhooks.private_hosts."
    if webhooks.secret or webhooks.url or webhooks.allow:
        try:
            secret_bytes(webhooks.secret)
        except ValueError as error:
            yield f"webhooks.secret, which webhooks are signed with, {error}."


def _of_heat(thermal: Thermal) -> Iterator[str]:
    if isinstance(thermal.hold_c, int) and not 40 <= thermal.hold_c <= 120:
        yield f"thermal.hold_c is {thermal.hold_c}; it must be auto, never, or 40 to 120 °C."
    if not 1 <= thermal.cool_by_c <= 30:
        yield f"thermal.cool_by_c is {thermal.cool_by_c}; it must be 1 to 30 °C."
