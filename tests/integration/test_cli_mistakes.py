"""What people mistype on the command line, and what they are told."""

import json
from pathlib import Path

import pytest

from adapters.cli.app import build_app, run
from bootstrap.cli import Commands

pytestmark = pytest.mark.usefixtures("settled")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["a", "red", "circle", "-o", "o.mp4"], 'put it in quotes, "a red circle"'),
        (["x", "-o", "o.mp4", "--model", "mini-ti2v", "--image", "FILE"], "--image: "),
        (["x", "-o", "o.mp4", "--model", "vace-14B", "--reference", "FILE"], "--reference: "),
        (["x", "-o", "o.mp4", "--video", "FILE"], "--video: "),
        (["x", "-o", "o.mp4", "--model", "Wan-AI/Wan2.2-T2V-A14B"], "nearest: t2v-A14B"),
        (["x", "-o", "o.mp4", "--preset", "blanced"], "nearest: balanced"),
        (["x", "-o", "o.mp4", "--size", "5000x5000"], "nearest: 128x128"),
    ],
)
def test_what_was_probably_meant_is_told(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no picture")

    said = [str(text) if option == "FILE" else option for option in options]
    code = run(build_app(Commands()), ["generate", *said])

    told = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert code == 2
    assert words.rstrip() in told


@pytest.mark.parametrize(
    ("said", "code", "errors"),
    [
        (
            "plan --checkpoint t2v-A14B --size 1280x725",
            "invalid-request",
            [("--size", [720])],
        ),
        (
            "plan --checkpoint ti2v-5B --assume-vram 4GB --assume-ram 64GB",
            "does-not-fit",
            [],
        ),
        ("models verify t2v-A14B", "model-missing", []),
        ("loras nobody", "unknown-lora", None),
    ],
)
def test_programs_are_refused_in_json(
    said: str,
    code: str,
    errors: list[tuple[str, list[object]]] | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = run(build_app(Commands()), [*said.split(), "--json"])

    told, words = capsys.readouterr()
    refusal = json.loads(told)
    assert status in {2, 3}
    assert refusal["code"] == code
    assert refusal["message"]
    assert words.startswith("wan: ")
    if errors:
        assert [(e["option"], e["nearest"]) for e in refusal["errors"]] == errors
