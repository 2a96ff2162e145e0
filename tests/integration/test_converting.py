"""`wan models convert`: transformers in the namings there are, with real structures of a small size."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import (
    WanAnimateTransformer3DModel,
    WanTransformer3DModel,
    WanVACETransformer3DModel,
)
from safetensors.torch import load_file, save_file

from adapters.cli.app import build_app, run
from adapters.diffusers.identity import weights_identity
from adapters.diffusers.weight_converter import (
    KEPT_IN_FP32,
    _model,
    _moves,
    _refuse_difference,
)
from adapters.filesystem.transformer_file import read_transformer
from bootstrap.cli import Commands
from domain.repository import REPOSITORIES
from tests.fakes.hub_server import HubServer
from tests.integration.networks import (
    HIGH,
    LOW,
    Weights,
    in_comfyui_naming,
    in_official_naming,
    multiplied_out,
    network,
    scaled,
)
from tests.integration.weights import (
    EMBEDDED,
    official_tensors,
    write_hollow,
    write_ti2v,
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("settled")]


def save(folder: Path, high: Weights, low: Weights) -> tuple[Path, Path]:
    files = (
        folder / "wan2.2_t2v_high_noise_14B.safetensors",
        folder / "wan2.2_t2v_low_noise.safetensors",
    )
    for file, weights in zip(files, (high, low), strict=True):
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, file)
    return files


def convert(
    *arguments: str | Path, parts_from: Path = EMBEDDED / "mini", meant: str = "t2v-A14B"
) -> int:
    more = ("--with", parts_from, "--as", meant)  # far from its size
    return run(build_app(Commands()), ["models", "convert", *map(str, (*arguments, *more))])


def converted(folder: Path) -> Weights:
    return load_file(folder / "diffusion_pytorch_model.safetensors")


def expected(weights: Weights) -> Weights:
    return {
        name: tensor.float().to(
            torch.float32 if KEPT_IN_FP32 & set(name.split(".")) else torch.bfloat16
        )
        for name, tensor in weights.items()
    }


def assert_equal(found: Weights, wanted: Weights) -> None:
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert found[name].dtype == tensor.dtype, name
        assert torch.equal(found[name], tensor), name


def test_what_diffusers_keeps_in_fp32_is_what_we_keep() -> None:
    plain, control = WanTransformer3DModel, WanVACETransformer3DModel
    for model in (plain, control, WanAnimateTransformer3DModel):
        its_own = {"motion_synthesis_weight"} - set(model._keep_in_fp32_modules)
        assert set(model._keep_in_fp32_modules) == KEPT_IN_FP32 - its_own
        assert its_own == (
            set() if model is WanAnimateTransformer3DModel else KEPT_IN_FP32 & its_own
        )


@pytest.mark.parametrize("naming", [in_official_naming, in_comfyui_naming, dict])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_pair_in_each_naming_and_precision_becomes_a_checkpoint(
    naming: Callable[[Weights], Weights], dtype: torch.dtype, tmp_path: Path, models: Path
) -> None:
    high, low = ({n: t.to(dtype) for n, t in weights.items()} for weights in (HIGH, LOW))

    assert convert(*save(tmp_path, naming(high), naming(low))) == 0

    folder = models / "t2v-A14B"
    assert_equal(converted(folder / "transformer"), expected(high))
    assert_equal(converted(folder / "transformer_2"), expected(low))


@pytest.mark.parametrize("suffix", [".scale_weight", ".weight_scale"])
@pytest.mark.parametrize("rows", [False, True])
def test_scaled_fp8_is_multiplied_out(
    suffix: str, rows: bool, tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # diffusers loads such files without their scales, with a warning, and draws noise.
    high, low = scaled(HIGH, suffix, rows=rows), scaled(LOW, suffix, rows=rows)
    marker = {"scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}

    assert convert(*save(tmp_path, in_comfyui_naming(high) | marker, in_official_naming(low))) == 0

    found = converted(models / "t2v-A14B/transformer")
    assert_equal(found, expected(multiplied_out(high)))
    name = "blocks.0.attn1.to_q.weight"
    error = (found[name].float() - HIGH[name]).abs().max() / HIGH[name].abs().max()
    assert error < 0.05
    assert high[name].float().abs().max() > 100 * HIGH[name].abs().max(), "the scale matters"


def test_plain_fp8_is_what_it_is(tmp_path: Path, models: Path) -> None:
    high, low = (
        {n: t.to(torch.float8_e4m3fn) if t.ndim == 2 else t for n, t in weights.items()}
        for weights in (HIGH, LOW)
    )

    assert convert(*save(tmp_path, in_official_naming(high), in_official_naming(low))) == 0

    assert_equal(converted(models / "t2v-A14B/transformer"), expected(high))


def test_shards_in_folders_as_wan_publishes_them(tmp_path: Path, models: Path) -> None:
    for name, weights in (("high_noise_model", HIGH), ("low_noise_model", LOW)):
        (tmp_path / name).mkdir()
        names = in_official_naming(weights)
        for shard in (0, 1):
            part = {n: t for index, (n, t) in enumerate(names.items()) if index % 2 == shard}
            save_file(part, tmp_path / name / f"diffusion_pytorch_model-0000{shard}.safetensors")

    assert convert(tmp_path / "high_noise_model", tmp_path / "low_noise_model") == 0

    assert_equal(converted(models / "t2v-A14B/transformer"), expected(HIGH))
    assert_equal(converted(models / "t2v-A14B/transformer_2"), expected(LOW))


def test_a_single_transformer_and_image_pairs_are_recognised(tmp_path: Path, models: Path) -> None:
    save_file(in_official_naming(HIGH), tmp_path / "wan2.1_t2v_1.3B.safetensors")
    i2v = network(3, in_channels=36)

    assert convert(tmp_path / "wan2.1_t2v_1.3B.safetensors", meant="t2v-1.3B") == 0
    pair = save(tmp_path, in_comfyui_naming(i2v), in_comfyui_naming(i2v))
    assert convert(*pair, meant="i2v-A14B") == 0

    assert_equal(converted(models / "t2v-1.3B/transformer"), expected(HIGH))
    index = json.loads((models / "i2v-A14B/model_index.json").read_text())
    assert (index["_class_name"], index["boundary_ratio"]) == ("WanImageToVideoPipeline", 0.9)


def test_a_5b_keeps_a_timestep_for_each_token(tmp_path: Path, models: Path) -> None:
    # diffusers takes such a file for an I2V-14B.
    save_file(
        in_official_naming(network(4, in_channels=48, out_channels=48)), tmp_path / "5b.safetensors"
    )

    parts = write_ti2v(tmp_path / "parts")
    assert convert(tmp_path / "5b.safetensors", parts_from=parts, meant="ti2v-5B") == 0

    index = json.loads((models / "ti2v-5B/model_index.json").read_text())
    assert (index["_class_name"], index["expand_timesteps"]) == ("WanPipeline", True)
    assert (index["boundary_ratio"], index["transformer_2"]) == (None, [None, None])


def test_names_and_shapes_at_full_size_are_all_of_a14bs(tmp_path: Path) -> None:
    # Only the header is written: the rest of its 28 GB is a hole in the file.
    tensors = official_tensors(dim=5120, blocks=40, ffn=13824, text=4096)
    found = read_transformer(write_hollow(tmp_path / "wan_high_noise.safetensors", tensors))

    moves = _moves(found)
    model = _model(found, moves)
    _refuse_difference(found, moves, model)

    assert str(found.form) == "40 blocks of 5120, 16 channels in, 16 out"
    # As many as the real configuration has, counted on the meta device.
    assert sum(parameter.numel() for parameter in model.parameters()) == 14_288_491_584


def test_what_was_converted_draws_a_video_and_verifies(
    tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(*save(tmp_path, in_comfyui_naming(scaled(HIGH)), in_official_naming(LOW))) == 0

    def wan(*arguments: str | Path) -> int:
        return run(build_app(Commands()), [str(argument) for argument in arguments])

    assert wan("models", "verify", "t2v-A14B") == 0
    assert wan(
        "generate", "x", "-o", tmp_path / "o.mp4", "--model", "t2v-A14B",
        "--size", "64x64", "--frames", "5", "--steps", "2",
    ) == 0  # fmt: skip
    assert (tmp_path / "o.mp4").stat().st_size > 0
    assert wan("models", "remove", "t2v-A14B", "--yes") == 0
    assert not (models / "t2v-A14B").exists()
    assert list(tmp_path.glob("*high_noise*")), "what it was made of stays"


def test_what_goes_with_them_is_fetched_where_nobody_names_a_folder(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = (path for path in (EMBEDDED / "mini").rglob("*") if path.is_file())
    theirs = {p.relative_to(EMBEDDED / "mini").as_posix(): p.read_bytes() for p in paths}
    monkeypatch.setenv("WAN_DISK__SOFT_MIB", "1")
    monkeypatch.setenv("WAN_DISK__HARD_MIB", "1")
    with HubServer({REPOSITORIES["t2v-A14B"]: theirs}).running() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        files = save(tmp_path, in_official_naming(HIGH), in_official_naming(LOW))

        arguments = ["models", "convert", *map(str, files), "--as", "t2v-A14B"]
        assert run(build_app(Commands()), arguments) == 0

    folder = models / "t2v-A14B"
    assert_equal(converted(folder / "transformer"), expected(HIGH))
    weights = folder / "text_encoder/model.safetensors"
    assert weights.read_bytes() == theirs["text_encoder/model.safetensors"]
    assert not weights.is_symlink()
    assert not any("/transformer" in path for path, _ in hub.requests)
    assert not (models / ".staging/t2v-A14B").exists()


def test_names_that_do_not_tell_ask_for_the_experts(
    tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    for file, weights in zip(files, (HIGH, LOW), strict=True):
        save_file(in_official_naming(weights), file)

    assert convert(*files) == 2
    assert "--high and --low" in capsys.readouterr().err
    assert convert("--high", files[1], "--low", files[0]) == 0

    assert_equal(converted(models / "t2v-A14B/transformer"), expected(LOW))


def test_a_name_that_says_otherwise_is_believed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    high, low = save(tmp_path, in_official_naming(HIGH), in_official_naming(LOW))

    assert convert("--high", low, "--low", high) == 2
    assert "is the low noise expert, as its name says" in capsys.readouterr().err


def test_weights_that_are_too_large_to_be_hashed_at_sight_are_others_once_touched(
    tmp_path: Path,
) -> None:
    # A run went on from another's latents when a large file was replaced by one of the same size.
    (tmp_path / "manifest.json").write_text("{}")
    for name, size in (("small", 100), ("large", 65 * 2**20)):
        with (tmp_path / name).open("wb") as file:
            file.truncate(size)
    before = weights_identity(tmp_path)

    os.utime(tmp_path / "small", ns=(0, 0))
    assert weights_identity(tmp_path) == before
    os.utime(tmp_path / "large", ns=(0, 0))
    assert weights_identity(tmp_path) != before
