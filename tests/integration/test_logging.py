"""Events as lines."""

import json
import logging
from collections.abc import Iterator
from logging.handlers import BufferingHandler

import pytest

from bootstrap.logging import configure_logging
from bootstrap.setting_sections import Log


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    logging.captureWarnings(capture=False)


def test_json_lines_hold_the_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Log(format="json"), process="server")

    logging.getLogger("x").info("claimed", extra={"job_id": "gen_1", "attempt": 2})

    told = json.loads(capsys.readouterr().err)
    assert (told["event"], told["job_id"], told["attempt"]) == ("claimed", "gen_1", 2)
    assert (told["level"], told["process"]) == ("info", "server")


def test_a_line_break_in_a_field_does_not_make_a_second_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(Log(), process="server")

    logging.getLogger("x").info("failed", extra={"reason": "a\n12:00:00 INFO forged"})

    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_is_kept(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Log(format=style), process="server")  # type: ignore[arg-type]

    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("x").exception("failed")

    assert "ValueError: broken" in capsys.readouterr().err


def test_what_is_not_known_is_left_out_and_words_are_held_together(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(Log(), process="worker")

    fields = {"reason": "it is not here", "trace_id": None, "steps": 4, "client": ""}
    logging.getLogger("x").info("refused", extra=fields)

    line = capsys.readouterr().err
    assert line.endswith(' worker refused reason="it is not here" steps=4 client=""\n')


@pytest.mark.parametrize(
    ("notice", "is_shown"),
    [
        ("`CLIPImageProcessor` requires torchvision (not installed); falling back", False),
        ("`X` is deprecated", True),
    ],
)
def test_of_transformers_notices_only_that_of_torchvision_is_kept_back(
    notice: str, is_shown: bool
) -> None:
    configure_logging(Log(), process="wan")
    told, shown = logging.getLogger("transformers.utils.import_utils"), BufferingHandler(9)
    told.addHandler(shown)

    told.warning(notice)

    told.removeHandler(shown)
    assert [record.getMessage() for record in shown.buffer] == [notice] * is_shown


def test_lower_levels_are_silent(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Log(level="WARNING"), process="server")

    logging.getLogger("x").info("claimed")

    assert capsys.readouterr().err == ""
