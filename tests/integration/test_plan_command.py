"""`wan plan`, run in this process."""

import json
from pathlib import Path

import pytest

from adapters.cli.app import build_app, run
from bootstrap.cli import Commands
from tests.architecture.source_tree import ROOT

A14B = ("--checkpoint", "t2v-A14B", "--size", "1280x720", "--frames", "81", "--assume-ram", "64GB")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))


def wan(*arguments: str) -> int:
    return run(build_app(Commands()), ["plan", *arguments])


def test_a_plan_is_told_with_its_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    assert wan(*A14B, "--assume-vram", "24GB") == 0

    told = capsys.readouterr().out
    assert "t2v-A14B  1280x720, 81 frames, 40 steps, 80 forwards over 75600 tokens" in told
    assert "64.4 GiB" in told
    assert "of 24.0 GiB" in told
    assert "- The expert at work (26.7 GiB) is streamed block by block" in told
    assert "time" not in told.partition("\n- ")[0], "nothing was measured yet"


def test_too_little_memory_is_told_with_what_would_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert wan(*A14B, "--assume-vram", "8GB") == 2

    told = capsys.readouterr()
    assert told.out == ""
    assert "8.0 GiB" in told.err
    assert "It would fit as 832x480 with 81 frames or 1280x720 with" in told.err


def test_programs_get_the_whole_plan(capsys: pytest.CaptureFixture[str]) -> None:
    assert wan(*A14B, "--assume-vram", "141GB", "--json") == 0

    told = json.loads(capsys.readouterr().out)
    assert told["plan"]["placement"]["experts"] == "resident"
    assert told["capacity"]["accelerator_bytes"] == 141 * 2**30
    assert told["request"]["num_frames"] == 81
    assert "prompt" not in told["request"]


def test_what_would_be_given_is_planned_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert wan(*A14B, "--assume-vram", "24GB", "--video", "--strength", "0.5") == 0
    anew = capsys.readouterr().out
    assert "20 of 40 steps, 40 forwards" in anew

    vace = ("--checkpoint", "vace-14B", *A14B[2:], "--assume-vram", "80GB")
    assert wan(*vace, "--control-video", "--references", "2") == 0
    assert "100 forwards over 82800 tokens" in capsys.readouterr().out


def test_what_is_needed_never_looks_like_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    for vram in ("12.75", "12.8"):
        assert wan("--checkpoint", "t2v-A14B", "--assume-vram", vram, "--assume-ram", "64") == 2

        told = capsys.readouterr().err
        needed = float(told.partition("needs ")[2].partition(" GiB")[0])
        assert needed > float(vram), told


def test_this_machine_plans_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert wan("--assume-vram", "0") == 0

    told = capsys.readouterr().out
    assert "mini  128x128, 17 frames" in told
    assert "weights      0.01 GiB" in told
    assert "in fp32 (0.03 GiB)" in told


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--frames", "18"], ["--frames", "17 or 21"]),
        (["--size", "big"], ["--size", "832x480"]),
        (["--assume-vram", "lots"], ["--assume-vram", "24GB"]),
        (["--assume-vram", "24000000000"], ["--assume-vram", "24GB"]),
        (["--checkpoint", "vace-14B", "--end-image"], ["--checkpoint: ", "i2v-A14B"]),
        (["--strength", "0.5"], ["--strength", "given video"]),
        (["--model", "sora"], ["--model: ", "sora", "mini"]),
        (["--checkpoint", "vace-14B", "--references", "20"], ["--references: ", "3"]),
        (["--checkpoint", "t2v-A14B", "--size", "1920x1080"], ["more than", "1280x720"]),
        (["--guidance", "4,3,2"], ["--guidance", "X,Y"]),
    ],
)
def test_bad_input_is_told_with_the_option_and_what_would_do(
    options: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert wan(*options) == 2

    told = capsys.readouterr().err
    assert all(word in told for word in words), told


@pytest.mark.parametrize(
    ("spelt", "size"), [("24GB", 24.0), ("24 GiB", 24.0), ("24", 24.0), ("512MB", 0.5)]
)
def test_memory_is_read_as_its_makers_count_it(
    spelt: str, size: float, capsys: pytest.CaptureFixture[str]
) -> None:
    wan("--assume-vram", "24GB", "--assume-ram", spelt, "--json")

    told = capsys.readouterr()
    if size < 4:
        assert "0.50 GiB are available" in told.err
    else:
        assert json.loads(told.out)["capacity"]["host_bytes"] == size * 2**30


def test_the_page_of_the_docs_is_what_the_command_prints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert wan("--table") == 0

    page = (ROOT / "docs" / "memory.md").read_text()
    assert capsys.readouterr().out == page, "run: wan plan --table > docs/memory.md"
