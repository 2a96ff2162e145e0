"""LoRAs on the command line: `wan loras`, and `--lora` of `wan generate`; test cards are drawn."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from adapters.cli.app import build_app, run
from adapters.http.loras import LoraFacts, LoraFileFacts
from bootstrap.cli import Commands

pytestmark = pytest.mark.usefixtures("settled")
Q = "diffusion_model.blocks.0.self_attn.q"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "loras"
    folder.mkdir()
    return folder


def wan(*arguments: str | Path) -> int:
    return run(build_app(Commands()), [str(argument) for argument in arguments])


def loras(folder: Path, *arguments: str) -> int:
    return wan("loras", "--data-dir", folder.parent, *arguments)


def generate(folder: Path, *arguments: str) -> int:
    output = folder.parent / "o.mp4"
    given = ("-o", output, "--data-dir", folder.parent, "--backend", "synthetic")
    return wan("generate", "x", *given, *arguments)


def write(path: Path, *, rank: int = 4, width: int = 160) -> Path:
    tensors = {
        f"{Q}.lora_down.weight": np.zeros((rank, width), np.float32),
        f"{Q}.lora_up.weight": np.zeros((width, rank), np.float32),
        f"{Q}.alpha": np.array(8.0, np.float32),
        "text_model.x": np.zeros(1, np.float32),
    }
    save_file(tensors, path)
    return path


def test_each_is_told_with_what_its_files_say(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "turn_high_noise.safetensors")
    write(folder / "turn_low_noise.safetensors", rank=16)
    write(folder / "odd.safetensors", width=7)
    (folder / "old.pt").write_bytes(b"pickle")

    assert loras(folder) == 0

    told = capsys.readouterr().out
    assert "turn  for mini" in told
    assert (
        "turn_high_noise.safetensors: 5.4 KiB, high noise, rank 4, alpha 8, 3 tensors, 1 more"
        in told
    )
    assert "turn_low_noise.safetensors: " in told
    assert "low noise, rank 16" in told
    assert "odd  fits no checkpoint" in told
    assert "old  cannot be used\n  old.pt is pickled" in told
    assert "sha256" not in told


def test_one_is_told_with_its_hashes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(folder / "turn.safetensors")

    assert loras(folder, "turn", "--json") == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["family"], told["problem"]) == ("turn", "mini", None)
    [file] = told["files"]
    assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (set(told), set(file)) == (
        {*LoraFacts.__struct_fields__},
        {*LoraFileFacts.__struct_fields__},
    )
    assert (file["ranks"], file["alphas"], file["unknown"]) == ([4], [8.0], 1)
    assert file["experts"] == ["high_noise", "low_noise"]


def test_where_there_is_none_it_says_where_they_belong(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert loras(folder) == 0
    assert "No LoRA is here." in capsys.readouterr().out

    assert loras(folder, "turn") == 2
    assert "No LoRA is called 'turn'" in capsys.readouterr().err


def test_one_is_used_with_its_strengths(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("turn", "a:b"):
        write(folder / f"{name}.safetensors")

    code = generate(folder, "--json", "--lora", "turn:0.8,0.4", "--lora", "a:b:-1")

    used = json.loads(capsys.readouterr().out)["request"]["loras"]
    assert code == 0
    assert [
        (use["name"], use["strength_high_noise"], use["strength_low_noise"]) for use in used
    ] == [
        ("turn", 0.8, 0.4),
        ("a:b", -1, -1),
    ]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("anime", "nearest: turn"),
        ("turn:5", "4.0"),
        ("turn:much", "turn:0.8"),
        ("turn:1,2,3", "turn:0.8"),
    ],
)
def test_one_that_cannot_be_used_is_told_with_the_option(
    said: str, words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "turn.safetensors")

    assert generate(folder, "--lora", said) == 2

    told = capsys.readouterr().err
    assert "--lora" in told
    assert words in told
