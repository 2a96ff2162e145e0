"""`wan keys`: made, shown once, listed, revoked."""

import json
import re
from pathlib import Path

import pytest

from adapters.cli.app import build_app, run
from bootstrap.cli import Commands

pytestmark = pytest.mark.usefixtures("settled")


def wan(*arguments: object) -> int:
    return run(build_app(Commands()), [str(argument) for argument in arguments])


def test_a_key_is_shown_once_and_alone_on_standard_output(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert wan("keys", "create", "ci") == 0
    shown = capsys.readouterr()
    assert re.fullmatch(r"wan_[0-9a-f]{12}_[A-Za-z0-9_-]{43}\n", shown.out)
    assert "not shown again" in shown.err

    assert wan("keys", "list") == 0
    listed = capsys.readouterr().out
    assert listed.startswith("ci ")
    assert shown.out.strip() not in listed
    assert shown.out.strip() not in (tmp_path / "home/wan-studio/keys.json").read_text()


def test_programs_are_told_in_json_and_never_the_hash(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--scope", "admin", "--waiting", 3, "--job-cost", 10**9)
    assert wan("keys", "create", "boss", *options, "--json") == 0
    made = json.loads(capsys.readouterr().out)

    assert wan("keys", "list", "--json") == 0
    [listed] = json.loads(capsys.readouterr().out)

    assert made.pop("key").startswith("wan_")
    assert made == listed
    assert (listed["scope"], listed["quota"]["waiting"]) == ("admin", 3)
    assert "sha256" not in listed


def test_a_list_says_what_is_unusual(capsys: pytest.CaptureFixture[str]) -> None:
    wan("keys", "create", "ann", "--streams", 2)
    wan("keys", "create", "bob")
    wan("keys", "revoke", "bob")
    capsys.readouterr()

    wan("keys", "list")

    ann, bob = capsys.readouterr().out.splitlines()
    assert ann.endswith("streams 2")
    assert "revoked" in bob


def test_without_keys_a_list_says_what_that_means(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert wan("keys", "list") == 0
    assert "may do everything" in capsys.readouterr().out
    assert not (tmp_path / "home/wan-studio").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("create", "a b"), 2, "NAME: must be 1 to 64"),
        (("create", "ann"), 1, "'ann' already"),
        (("create", "x", "--waiting", 0), 2, "--waiting: must be at least 1; nearest: 1"),
        (("create", "x", "--scope", "root"), 2, "'root' is not one of"),
        (("revoke", "annn"), 1, "Did you mean ann?"),
        (("revoke", "nobody"), 1, "No API key is called 'nobody'."),
    ],
)
def test_what_cannot_be_is_refused(
    arguments: tuple[object, ...], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wan("keys", "create", "ann")
    capsys.readouterr()

    assert wan("keys", *arguments) == code
    shown = capsys.readouterr()
    assert words in shown.err + shown.out


def test_keys_are_of_one_data_directory(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    wan("keys", "create", "ann", "--data-dir", tmp_path / "other")
    capsys.readouterr()

    wan("keys", "list")
    assert "No keys" in capsys.readouterr().out
    wan("keys", "list", "--data-dir", tmp_path / "other")
    assert capsys.readouterr().out.startswith("ann")


def test_a_strangers_directory_gets_no_keys(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    assert wan("keys", "create", "ann", "--data-dir", tmp_path) == 2
    assert "thesis.txt" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
