"""Options of a group of commands: wherever they are said."""

import pytest
import typer

from adapters.cli.app import build_app, run
from adapters.cli.options import AsJson, Port, command_group
from bootstrap.cli import Commands

pytestmark = pytest.mark.usefixtures("settled")

Told = tuple[int | None, bool]


@pytest.fixture
def heard() -> list[object]:
    return []


@pytest.fixture
def app(heard: list[object]) -> typer.Typer:
    def begin(_context: typer.Context, port: int | None, *, as_json: bool) -> Told:
        return port, as_json

    def rest(said: Told) -> None:
        """The default."""
        heard.append(said)

    def move(said: Told, name: str, to: int = 1) -> None:
        """Move it."""
        heard.append((*said, name, to))

    return command_group(
        {"port": Port, "as_json": AsJson},
        begin,
        commands={"move": move},
        default=rest,
        about="Things.",
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], (None, False)),
        (["--port", "5"], (5, False)),
        (["move", "it"], (None, False, "it", 1)),
        (["--port", "5", "move", "it", "--to", "3"], (5, False, "it", 3)),
        (["move", "it", "--json", "--port", "5"], (5, True, "it", 1)),
        (["--json", "--port", "4", "move", "--port", "5", "it"], (5, True, "it", 1)),
    ],
)
def test_they_reach_the_command(
    arguments: list[str], expected: object, app: typer.Typer, heard: list[object]
) -> None:
    assert run(app, arguments) == 0
    assert heard == [expected]


def test_the_commands_help_names_them(app: typer.Typer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(app, ["move", "--help"]) == 0

    told = capsys.readouterr().out
    assert "Move it." in told
    assert "--to" in told
    assert "--port" in told


def test_a_server_is_looked_for_at_the_port_wherever_that_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = build_app(Commands())

    for arguments in (["--port", "1", "pause"], ["pause", "--port", "1"]):
        assert run(app, ["queue", *arguments]) == 1
        assert "answers at http://127.0.0.1:1." in capsys.readouterr().err


def test_what_cannot_be_removed_is_told_as_a_wrong_request(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(build_app(Commands()), ["models", "remove", "mini"]) == 2
    assert "ships with Wan Studio" in capsys.readouterr().err
