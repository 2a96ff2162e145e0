"""What `wan models convert` refuses, and that nothing is left of it."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from adapters.cli.app import build_app, run
from bootstrap.cli import Commands
from tests.integration.networks import HIGH, Weights, in_official_naming, network, scaled
from tests.integration.weights import EMBEDDED

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("settled")]


def convert(path: Path, meant: str = "t2v-1.3B") -> int:
    more = ("--with", EMBEDDED / "mini", "--as", meant)
    return run(build_app(Commands()), ["models", "convert", *map(str, (path, *more))])


def lacking(name: str) -> Weights:
    return {n: t for n, t in in_official_naming(HIGH).items() if n != name}


@pytest.mark.parametrize(
    ("weights", "code", "words"),
    [
        (lacking("blocks.1.cross_attn.norm_q.weight"), 3, "lacks blocks.1.cross_attn.norm_q.weight."),
        (lacking("text_embedding.0.weight"), 3, "lacks text_embedding.0.weight."),
        ({**in_official_naming(HIGH), "odd.weight": torch.zeros(1)}, 3, "has a tensor that no Wan has: odd.weight."),
        ({**lacking("ffn"), "blocks.1.ffn.0.bias": torch.zeros(7)}, 3,
         "blocks.1.ffn.0.bias is of the shape (7,) and should be of (96,)."),
        ({**scaled(in_official_naming(HIGH)), "blocks.0.ffn.0.scale_weight": torch.ones(3, 5)}, 3,
         "neither a tensor nor its rows"),
    ],
)  # fmt: skip
def test_tensors_that_are_not_wans_are_named_and_nothing_is_left(
    weights: Weights,
    code: int,
    words: str,
    tmp_path: Path,
    models: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    save_file(weights, tmp_path / "wan.safetensors")

    assert convert(tmp_path / "wan.safetensors") == code

    assert words in capsys.readouterr().err
    assert not (models / "t2v-1.3B").exists()
    assert not list(models.rglob("*.safetensors"))


def test_a_scaled_file_that_lacks_a_scale_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = scaled(in_official_naming(HIGH))
    del weights["blocks.1.ffn.2.scale_weight"]
    save_file(weights, tmp_path / "wan.safetensors")

    assert convert(tmp_path / "wan.safetensors") == 3
    assert "1 of its 26 fp8 tensors have no scale, blocks.1.ffn.2.weight" in capsys.readouterr().err


def test_a_vae_of_another_family_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ti2v = network(4, in_channels=48, out_channels=48)
    save_file(in_official_naming(ti2v), tmp_path / "ti2v.safetensors")

    assert convert(tmp_path / "ti2v.safetensors", "ti2v-5B") == 2
    assert "has 16 latent channels; that of ti2v-5B has 48" in capsys.readouterr().err


def test_a_file_is_looked_at_before_the_hub_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # It said that the hub cannot be reached, and only after a fetch what the file lacks.
    monkeypatch.setenv("WAN_HUB__ENDPOINT", "http://127.0.0.1:9")
    path = tmp_path / "wan.safetensors"
    save_file(lacking("blocks.1.ffn.0.weight"), path)

    command = ["models", "convert", str(path), "--as", "t2v-1.3B"]
    assert run(build_app(Commands()), command) == 3

    assert "lacks blocks.1.ffn.0.weight." in capsys.readouterr().err
