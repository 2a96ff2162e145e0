"""`wan models convert`: transformers in the namings there are, with real structures of a small size."""

import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from diffusers import WanTransformer3DModel
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
from tests.integration.weights import (
    EMBEDDED,
    official_tensors,
    write_hollow,
    write_ti2v,
    write_weights,
)

pytestmark = pytest.mark.slow

Weights = dict[str, torch.Tensor]

#: What Wan's authors call it, by what diffusers calls it.
OFFICIAL = {
    "condition_embedder.time_embedder.linear_1": "time_embedding.0",
    "condition_embedder.time_embedder.linear_2": "time_embedding.2",
    "condition_embedder.text_embedder.linear_1": "text_embedding.0",
    "condition_embedder.text_embedder.linear_2": "text_embedding.2",
    "condition_embedder.time_proj": "time_projection.1",
    "attn1": "self_attn",
    "attn2": "cross_attn",
    "to_out.0": "o",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "ffn.net.0.proj": "ffn.0",
    "ffn.net.2": "ffn.2",
    "norm2": "norm3",
    "proj_out": "head.head",
}


def official(name: str) -> str:
    if name == "scale_shift_table":
        return "head.modulation"
    for ours, theirs in OFFICIAL.items():
        name = name.replace(ours, theirs)
    return name.replace("scale_shift_table", "modulation")


def network(seed: int, *, in_channels: int = 16, out_channels: int = 16) -> Weights:
    """A transformer of Wan, as small as heads of 128 allow, with numbers that differ everywhere."""
    torch.manual_seed(seed)
    model = WanTransformer3DModel(
        num_attention_heads=1,
        attention_head_dim=128,
        in_channels=in_channels,
        out_channels=out_channels,
        text_dim=128,
        freq_dim=256,
        ffn_dim=96,
        num_layers=2,
        rope_max_seq_len=64,
    )
    return {name: torch.randn_like(tensor) / 9 for name, tensor in model.state_dict().items()}


def in_official_naming(weights: Weights) -> Weights:
    return {official(name): tensor for name, tensor in weights.items()}


def in_comfyui_naming(weights: Weights) -> Weights:
    return {f"model.diffusion_model.{official(name)}": t for name, t in weights.items()}


def scaled(weights: Weights, suffix: str = ".scale_weight", *, rows: bool = False) -> Weights:
    """Each matrix in fp8, by a factor that brings its largest number to the largest there is."""
    made: Weights = {}
    for name, tensor in weights.items():
        if tensor.ndim != 2 or not name.endswith(".weight"):
            made[name] = tensor
            continue
        largest = tensor.abs().amax(dim=1, keepdim=True) if rows else tensor.abs().max()
        scale = largest / 448
        made[name] = (tensor / scale).to(torch.float8_e4m3fn)
        made[name.removesuffix(".weight") + suffix] = scale.float()
    return made


def multiplied_out(weights: Weights) -> Weights:
    """What `scaled` leaves of the numbers, in fp32, by the definition."""
    made = {}
    for name, tensor in weights.items():
        scale = next((s for n, s in weights.items() if is_scale_of(n, name)), None)
        if scale is not None:
            made[name] = tensor.float() * scale
        elif not name.endswith(("scale_weight", "weight_scale")):
            made[name] = tensor
    return made


def is_scale_of(name: str, weight: str) -> bool:
    stem = weight.removesuffix(".weight")
    return name in {f"{stem}.scale_weight", f"{stem}.weight_scale"} and name != weight


@pytest.fixture(autouse=True)
def settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An own home, and the root logger as it was."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    before = (logging.getLogger().level, logging.getLogger().handlers[:])
    yield
    logging.getLogger().setLevel(before[0])
    logging.getLogger().handlers[:] = before[1]
    logging.captureWarnings(capture=False)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "home/wan-studio/models"


HIGH, LOW = network(1), network(2)


def save(folder: Path, high: Weights, low: Weights) -> tuple[Path, Path]:
    files = (
        folder / "wan2.2_t2v_high_noise_14B.safetensors",
        folder / "wan2.2_t2v_low_noise.safetensors",
    )
    for file, weights in zip(files, (high, low), strict=True):
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, file)
    return files


def convert(*arguments: str | Path, parts_from: Path = EMBEDDED / "mini") -> int:
    parts = ("--with", parts_from)
    return run(build_app(Commands()), ["models", "convert", *map(str, (*arguments, *parts))])


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
    assert set(WanTransformer3DModel._keep_in_fp32_modules) == KEPT_IN_FP32


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

    assert convert(tmp_path / "wan2.1_t2v_1.3B.safetensors") == 0
    assert convert(*save(tmp_path, in_comfyui_naming(i2v), in_comfyui_naming(i2v))) == 0

    assert_equal(converted(models / "t2v-1.3B/transformer"), expected(HIGH))
    index = json.loads((models / "i2v-A14B/model_index.json").read_text())
    assert (index["_class_name"], index["boundary_ratio"]) == ("WanImageToVideoPipeline", 0.9)


def test_a_5b_keeps_a_timestep_for_each_token(tmp_path: Path, models: Path) -> None:
    # diffusers takes such a file for an I2V-14B.
    save_file(
        in_official_naming(network(4, in_channels=48, out_channels=48)), tmp_path / "5b.safetensors"
    )

    assert convert(tmp_path / "5b.safetensors", parts_from=write_ti2v(tmp_path / "parts")) == 0

    index = json.loads((models / "ti2v-5B/model_index.json").read_text())
    assert (index["_class_name"], index["expand_timesteps"]) == ("WanPipeline", True)
    assert (index["boundary_ratio"], index["transformer_2"]) == (None, [None, None])


def test_names_and_shapes_at_full_size_are_all_of_a14bs(tmp_path: Path) -> None:
    # Only the header is written: the rest of its 28 GB is a hole in the file.
    tensors = official_tensors(dim=5120, blocks=40, ffn=13824, text=4096)
    found = read_transformer(write_hollow(tmp_path / "wan_high_noise.safetensors", tensors))

    moves = _moves(found)
    model = _model(found, {move.target: move.shape for move in moves})
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

        assert run(build_app(Commands()), ["models", "convert", *map(str, files)]) == 0

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

    assert convert(*files) == 1
    assert "--high and --low" in capsys.readouterr().err
    assert convert("--high", files[1], "--low", files[0]) == 0

    assert_equal(converted(models / "t2v-A14B/transformer"), expected(LOW))


def test_a_name_that_says_otherwise_is_believed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    high, low = save(tmp_path, in_official_naming(HIGH), in_official_naming(LOW))

    assert convert("--high", low, "--low", high) == 1
    assert "is the low noise expert, as its name says" in capsys.readouterr().err


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

    assert convert(tmp_path / "ti2v.safetensors") == 1
    assert "has 16 latent channels; that of ti2v-5B has 48" in capsys.readouterr().err


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
