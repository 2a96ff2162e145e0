"""Where settings come from, which wins, and what is refused."""

import math
from pathlib import Path

import pytest

from bootstrap.process_environment import worker_environment
from bootstrap.setting_sources import SettingsError
from bootstrap.settings import (
    api_key,
    load_settings,
    setting_keys,
)
from domain.heat import HeatLimits


def load(environment: dict[str, str] | None = None, **overrides: object) -> object:
    said = {key.replace("__", "."): value for key, value in overrides.items()}
    return load_settings(overrides=said, environment=environment or {})


def test_without_a_word_everything_has_a_default() -> None:
    settings = load_settings(overrides={}, environment={"XDG_DATA_HOME": "/data"})

    assert settings.data_dir == "/data/wan-studio"
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8022)
    assert settings.database_url == "sqlite+aiosqlite:////data/wan-studio/jobs.db"
    assert settings.models_dir == Path("/data/wan-studio/models")


def test_the_command_line_beats_the_environment_beats_the_file(tmp_path: Path) -> None:
    config = tmp_path / "wan.toml"
    config.write_text('workers = 2\n[server]\nport = 1\nhost = "localhost"\n[log]\nlevel = "ERROR"')
    environment = {"WAN_CONFIG": str(config), "WAN_SERVER__PORT": "2", "WAN_LOG__LEVEL": "DEBUG"}

    settings = load_settings(overrides={"server.port": 3, "workers": None}, environment=environment)

    assert (settings.server.port, settings.server.host) == (3, "localhost")
    assert (settings.log.level, settings.workers) == ("DEBUG", 2)


def test_lists_are_separated_by_commas_in_the_environment() -> None:
    environment = {"WAN_SERVER__ALLOWED_HOSTS": "wan.example, wan.example:8022"}

    settings = load_settings(overrides={}, environment=environment)

    assert settings.server.allowed_hosts == ("wan.example", "wan.example:8022")


def test_an_empty_list_is_empty() -> None:
    # It was a list of one host without a name.
    settings = load_settings(overrides={}, environment={"WAN_SERVER__ALLOWED_HOSTS": ""})

    assert settings.server.allowed_hosts == ()


def test_the_hub_is_where_hugging_faces_own_variable_says_unless_ours_says_otherwise() -> None:
    theirs = {"HF_ENDPOINT": "https://mirror.example"}
    ours = {**theirs, "WAN_HUB__ENDPOINT": "https://other.example"}

    assert load_settings(overrides={}, environment={}).hub.endpoint == "https://huggingface.co"
    assert load_settings(overrides={}, environment=theirs).hub.endpoint == "https://mirror.example"
    assert load_settings(overrides={}, environment=ours).hub.endpoint == "https://other.example"
    with pytest.raises(SettingsError, match=r"hub\.endpoint"):
        load_settings(overrides={}, environment={"HF_ENDPOINT": "mirror.example"})


@pytest.mark.parametrize("key", ["data_dir", "models.dir"])
def test_paths_may_begin_at_home(key: str) -> None:
    settings = load_settings(overrides={key: "~/wan"}, environment={})

    told = settings.models_dir if key == "models.dir" else Path(settings.data_dir)
    assert told == Path.home() / "wan"


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"WAN_SERVR__PORT": "1"}, r"servr\.port \(WAN_SERVR__PORT\).*Did you mean server.port"),
        ({"WAN_ZEBRA": "1"}, "There are: data_dir"),
        ({"WAN_SERVER__PORT": "many"}, "port"),
        ({"WAN_SERVER__PORT": "65536"}, "0 to 65535"),
        ({"WAN_WORKERS": "0"}, "at least 1"),
        ({"WAN_WORKERS": "some"}, "workers"),
        ({"WAN_RESUME__INTERVAL": "often"}, "auto, or every how many steps"),
        ({"WAN_RESUME__INTERVAL": "0"}, "at least 1"),
        ({"WAN_PIPELINE__BACKEND": "comfy"}, "backend"),
        ({"WAN_PIPELINE__BACKEND": "difusers"}, "Did you mean diffusers"),
        ({"WAN_PIPELINE__ATTENTION": "flash3"}, "Did you mean flash-3"),
        ({"WAN_PIPELINE__ATTENTION": "xformers"}, "auto, sdpa, cudnn, flash, flash-3 or sage"),
        ({"WAN_PIPELINE__COMPILE": "regionally"}, "off or regional. Did you mean regional"),
        ({"WAN_PREVIEWS__INTERVAL": "never"}, "off, or seconds"),
        ({"WAN_PREVIEWS__INTERVAL": "-1"}, r"previews\.interval.*at least 0"),
        ({"WAN_PREVIEWS__INTERVAL": "nan"}, r"previews\.interval.*at least 0"),
        ({"WAN_RENDERER": "ray"}, "not built yet"),
        ({"WAN_DATA_DIR__X": "1", "WAN_DATA_DIR": "/a"}, "data_dir"),
        ({"WAN_MONITOR__INTERVAL_S": "0.1"}, "0.5 to 30"),
        ({"WAN_MONITOR__INTERVAL_S": "nan"}, "0.5 to 30"),
        ({"WAN_THERMAL__HOLD_C": "hot"}, "auto, never, or degrees"),
        ({"WAN_THERMAL__HOLD_C": "30"}, "40 to 120"),
        ({"WAN_THERMAL__COOL_BY_C": "0"}, "1 to 30"),
        ({"WAN_WATCHDOG__STEP_S": "0"}, r"watchdog\.step_s.*more than 0"),
        ({"WAN_WATCHDOG__LOADING_S": "-1"}, r"watchdog\.loading_s.*more than 0"),
        ({"WAN_WATCHDOG__DECODING_S": "nan"}, r"watchdog\.decoding_s.*more than 0"),
        ({"WAN_WATCHDOG__ENCODING_VIDEO_S": "inf"}, r"watchdog\.encoding_video_s.*more than 0"),
        ({"WAN_SERVER__GRACE_S": "-0.5"}, r"server\.grace_s.*at least 0"),
        ({"WAN_SERVER__GRACE_S": "nan"}, r"server\.grace_s.*at least 0"),
        ({"WAN_PIPELINE__CARD_STEP_S": "inf"}, r"pipeline\.card_step_s.*at least 0"),
        ({"WAN_DISK__HARD_MIB": "-1"}, r"disk\.hard_mib.*at least 0"),
        ({"WAN_LIMITS__WAITING": "-1"}, r"limits\.waiting.*at least 0"),
        ({"WAN_CONFIG": "/nowhere/wan.toml"}, "cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_refused(environment: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load(environment)


def test_a_file_with_a_typing_error_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "wan.toml"
    for text, words in (
        ("[servr]\nport = 1", "servr.port (in {}). Did you mean server.port?"),
        ("port = 1", "port (in {}). Did you mean server.port?"),
        ("server = 1", "server (in {}). It is a section: in it are server.host, server.port"),
        ("[zebra]", "zebra (in {}). There are: data_dir"),
        ("[server]\nport = 'many'", "server.port (in {}) cannot be 'many': a whole number"),
    ):
        config.write_text(text)
        with pytest.raises(SettingsError) as refused:
            load_settings(config=config, overrides={}, environment={})
        assert words.format(config) in refused.value.message

    config.write_text("port = = 1")
    with pytest.raises(SettingsError, match="not TOML"):
        load_settings(config=config, overrides={}, environment={})


def test_previews_come_at_an_interval_or_not_at_all() -> None:
    assert load({}).previews.interval == 1.0
    assert load({"WAN_PREVIEWS__INTERVAL": "0.5"}).previews.interval == 0.5
    assert load({"WAN_PREVIEWS__INTERVAL": "off"}).previews.interval == "off"


def test_the_readme_lists_every_setting() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()

    assert [key for key in setting_keys() if f"`{key}`" not in readme] == []


@pytest.mark.parametrize(("told", "seconds"), [("forever", math.inf), ("0", 0.0), ("90", 90.0)])
def test_weights_stay_as_long_as_it_is_said(told: str, seconds: float) -> None:
    environment = {"WAN_MODELS__KEEP_ALIVE_S": told}

    assert load_settings(overrides={}, environment=environment).keep_alive_s == seconds


@pytest.mark.parametrize("told", ["-1", "nan", "inf", "for ever"])
def test_weights_that_would_stay_for_no_time_at_all_are_refused(told: str) -> None:
    with pytest.raises(SettingsError, match="forever"):
        load_settings(overrides={}, environment={"WAN_MODELS__KEEP_ALIVE_S": told})


def test_the_command_lines_key_is_no_setting_and_reaches_no_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WAN_API_KEY", "wan_secret")

    assert "wan_secret" not in str(load_settings(overrides={}))
    assert "WAN_API_KEY" not in worker_environment(None)
    assert api_key() == "wan_secret"


@pytest.mark.parametrize(("said", "meant"), [("auto", "auto"), ("3", 3)])
def test_an_interval_is_auto_or_a_number_of_steps(said: str, meant: object) -> None:
    settings = load_settings(overrides={}, environment={"WAN_RESUME__INTERVAL": said})

    assert settings.resume.interval == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [("auto", HeatLimits(hold_c=None)), ("85", HeatLimits(hold_c=85)), ("never", None)],
)
def test_heat_is_held_by_the_driver_a_number_or_never(said: str, meant: HeatLimits | None) -> None:
    settings = load_settings(overrides={}, environment={"WAN_THERMAL__HOLD_C": said})

    assert settings.heat_limits == meant


def test_a_default_model_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match=r"openai\.default_model: No checkpoint.*t2v-A14B"):
        load_settings(overrides={"openai.default_model": "sora-2"}, environment={})


_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"webhooks.allow": ["hooks.example"]}, "webhooks.secret, which webhooks are signed with"),
        ({"webhooks.url": "https://hooks.example/"}, "openssl rand"),
        ({"webhooks.secret": "mine"}, "must be whsec_"),
        (
            {"webhooks.url": "http://hooks.example/", "webhooks.secret": _SECRET},
            "must begin with https://, unless its host is in webhooks.private_hosts",
        ),
        ({"webhooks.url": "hooks.example", "webhooks.secret": _SECRET}, "must be a plain URL"),
    ],
)
def test_webhooks_that_could_not_be_sent_are_refused_at_the_start(
    said: dict[str, object], complaint: str
) -> None:
    with pytest.raises(SettingsError, match=complaint):
        load_settings(overrides=said, environment={})


def test_webhooks_may_be_named_in_the_environment() -> None:
    environment = {
        "WAN_WEBHOOKS__URL": "http://n8n.local/hook",
        "WAN_WEBHOOKS__SECRET": _SECRET,
        "WAN_WEBHOOKS__PRIVATE_HOSTS": "n8n.local, 10.0.0.7",
        "WAN_WEBHOOKS__ALLOW": "*",
    }

    rules = load_settings(overrides={}, environment=environment).webhook_rules

    assert (rules.allow, rules.private_hosts) == (("*",), ("n8n.local", "10.0.0.7"))
