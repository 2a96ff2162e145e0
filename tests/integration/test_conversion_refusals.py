"""What `wan models convert` refuses, and that nothing is left of it."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from adapters.cli.app import build_app, run
from bootstrap.cli import Commands
from tests.integration.networks import HIGH, Weights, in_official_naming, scaled
from tests.integration.weights import EMBEDDED, write_weights

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("settled")]


def convert(*arguments: str | Path) -> int:
    parts = ("--with", EMBEDDED / "mini")
    return run(build_app(Commands()), ["models", "convert", *map(str, (*arguments, *parts))])


def lacking(name: str) -> Weights:
    return {n: t for n, t in in_official_naming(HIGH).items() if n != name}


@pytest.mark.parametrize(
    ("weights", "code", "words"),
    [
        (lacking("blocks.1.cross_attn.norm_q.weight"), 3, "lacks blocks.1.attn2.norm_q.weight"),
        (lacking("text_embedding.0.weight"), 3, "lacks condition_embedder.text_embedder.linear_1"),
        ({**in_official_naming(HIGH), "odd.weight": torch.zeros(1)}, 3, "has not, odd.weight"),
        ({**lacking("ffn"), "blocks.1.ffn.0.bias": torch.zeros(7)}, 3, "of another shape blocks.1"),
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
    ti2v = {"patch_embedding.weight": ("BF16", (128, 48, 1, 2, 2)), "head.head.weight": ("BF16", (192, 128)),
            "blocks.0.x": ("BF16", (1,))}  # fmt: skip
    write_weights(tmp_path / "ti2v.safetensors", ti2v)

    assert convert(tmp_path / "ti2v.safetensors") == 2
    assert "has 16 latent channels; that of ti2v-5B has 48" in capsys.readouterr().err
