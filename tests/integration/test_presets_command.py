"""`wan presets`, run in this process, and the page it makes."""

import json

import pytest

from adapters.cli.app import build_app, run
from bootstrap.cli import Commands
from domain.presets import PRESETS
from tests.architecture.source_tree import ROOT


def wan(*arguments: str) -> int:
    return run(build_app(Commands()), ["presets", *arguments])


def test_each_is_told_with_its_loss_and_what_was_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert wan() == 0

    told = capsys.readouterr().out
    assert all(f"{preset.name}: {preset.loss}" in told for preset in PRESETS)
    assert "mini: " in told
    assert " dB from the exact video" in told


def test_programs_get_it_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert wan("--json") == 0

    told = json.loads(capsys.readouterr().out)
    assert [preset["name"] for preset in told] == [preset.name for preset in PRESETS]
    assert told[1]["measured"][0]["checkpoint"] == "mini"


def test_the_page_of_speed_holds_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert wan("--table") == 0

    page = (ROOT / "docs" / "speed.md").read_text()
    for table in capsys.readouterr().out.strip().split("\n\n"):
        assert table in page, "put what `wan presets --table` prints into docs/speed.md"
