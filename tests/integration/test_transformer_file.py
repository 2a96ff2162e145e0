"""Transformers recognised by their headers, and what is none."""

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.filesystem.weight_reader import FilesystemWeightReader
from domain.errors import CheckpointBroken, DomainError, UnsafeWeights
from domain.found_weights import Branch, Expert, Naming, Precision
from domain.store_errors import WeightsUnrecognised
from tests.integration.gguf_files import Kind, write_gguf
from tests.integration.networks import HIGH, in_comfyui_naming
from tests.integration.weights import official_tensors, write_official, write_weights

READ = FilesystemWeightReader().read_transformer


def test_official_names_tell_form_and_precision(tmp_path: Path) -> None:
    found = READ(write_official(tmp_path / "wan.safetensors", channels=36, dim=128, blocks=3))

    assert (found.form.in_channels, found.form.out_channels) == (36, 16)
    assert (found.form.dim, found.form.blocks, found.form.branches) == (128, 3, frozenset())
    assert (found.naming, found.precision, found.expert) == (Naming.OFFICIAL, Precision.BF16, None)


def test_comfyui_names_are_the_same_below_a_prefix(tmp_path: Path) -> None:
    tensors = {f"model.diffusion_model.{n}": t for n, t in official_tensors().items()}

    found = READ(write_weights(tmp_path / "wan.safetensors", tensors))

    assert (found.naming, found.form.in_channels) == (Naming.COMFYUI, 16)


@pytest.mark.parametrize(
    ("sign", "branch"),
    [
        ("img_emb.proj.0.weight", Branch.IMAGE),
        ("vace_blocks.0.after_proj.bias", Branch.VACE),
        ("motion_encoder.dec.direction.weight", Branch.MOTION),
    ],
)
def test_branches_are_seen(sign: str, branch: Branch, tmp_path: Path) -> None:
    tensors = {**official_tensors(), sign: ("BF16", (1,))}

    assert READ(write_weights(tmp_path / "wan.safetensors", tensors)).form.branches == {branch}


@pytest.mark.parametrize(
    ("dtype", "beside", "metadata", "precision"),
    [
        ("F32", {}, {}, Precision.FP32),
        ("F16", {}, {}, Precision.FP16),
        ("F8_E4M3", {}, {}, Precision.FP8),
        ("F8_E5M2", {".scale_weight": "F32"}, {}, Precision.FP8_SCALED),
        ("F8_E4M3", {".weight_scale": "F32", ".comfy_quant": "U8"}, {}, Precision.FP8_SCALED),
        ("F8_E4M3", {".weight_scale": "F32"}, {"_quantization_metadata": "{}"},
         Precision.FP8_SCALED),
    ],
)  # fmt: skip
def test_the_precision_is_that_of_the_weights(
    dtype: str,
    beside: dict[str, str],
    metadata: dict[str, str],
    precision: Precision,
    tmp_path: Path,
) -> None:
    tensors = official_tensors(dtype)
    for name in [name for name, (kind, _) in tensors.items() if kind == dtype]:
        for suffix, kind in beside.items():
            tensors[name.removesuffix(".weight") + suffix] = (kind, (1,))

    found = READ(write_weights(tmp_path / "wan.safetensors", tensors, metadata))

    assert found.precision is precision


@pytest.mark.parametrize("metadata", [{}, {"_quantization_metadata": "{}"}])
def test_scaled_fp8_without_its_scales_is_never_read(
    metadata: dict[str, str], tmp_path: Path
) -> None:
    tensors = official_tensors("F8_E4M3")
    if not metadata:
        tensors["scaled_fp8"] = ("F8_E4M3", (2,))
    path = write_weights(tmp_path / "wan.safetensors", tensors, metadata)

    with pytest.raises(CheckpointBroken, match="fp8 tensors have no scale"):
        READ(path)


@pytest.mark.parametrize(
    ("name", "expert"),
    [
        ("wan2.2_t2v_high_noise_14B_fp8_scaled.safetensors", Expert.HIGH_NOISE),
        ("Wan2_2-T2V-A14B_LOW_fp8_e4m3fn_scaled_KJ.safetensors", Expert.LOW_NOISE),
        ("Wan2.2-T2V-A14B-HighNoise.safetensors", Expert.HIGH_NOISE),
        ("low_noise_model/diffusion_pytorch_model.safetensors", Expert.LOW_NOISE),
        ("yellow_slow_flow.safetensors", None),
        ("high_low_merge.safetensors", None),
        ("wan.safetensors", None),
    ],
)
def test_the_expert_is_the_one_that_its_name_says(
    name: str, expert: Expert | None, tmp_path: Path
) -> None:
    assert READ(write_official(tmp_path / name)).expert is expert


def of(**tensors: tuple[str, tuple[int, ...]]) -> Callable[[Path], Path]:
    renamed = {name.replace("__", "."): told for name, told in tensors.items()}
    return lambda folder: write_weights(folder / "x.safetensors", renamed)


def holding(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def without_a_block(folder: Path) -> Path:
    tensors = {n: t for n, t in official_tensors(blocks=3).items() if "blocks.1." not in n}
    return write_weights(folder / "x.safetensors", tensors)


def quantised(folder: Path) -> Path:
    return write_weights(folder / "x.safetensors", official_tensors("U8"))


def empty_folder(folder: Path) -> Path:
    return folder


VECTOR = ("F32", (1,))


@pytest.mark.parametrize(
    ("write", "error", "words"),
    [
        (
            holding("wan.gguf", b"GGUF"),
            CheckpointBroken,
            "damaged header: it ends before what it announces",
        ),
        (holding("wan.gguf", b"safetensors"), CheckpointBroken, "although it is called one"),
        (holding("wan.safetensors", b"GGUF\3\0\0\0 and"), CheckpointBroken, "damaged header"),
        (holding("models_t5.pth", b"x"), UnsafeWeights, "pickled"),
        (holding("wan.safetensors", b"short"), CheckpointBroken, "not a safetensors file"),
        (
            of(lora_unet_blocks_0__lora_down__weight=VECTOR),
            WeightsUnrecognised,
            "is a LoRA.*folder loras",
        ),
        (of(decoder__middle__0__residual__0__gamma=VECTOR), WeightsUnrecognised, "is a VAE"),
        (
            of(encoder__block__0__layer__0__SelfAttention__q__weight=VECTOR),
            WeightsUnrecognised,
            "is a text encoder",
        ),
        (of(something__weight=VECTOR), WeightsUnrecognised, "no patch_embedding"),
        (of(patch_embedding__weight=VECTOR), WeightsUnrecognised, "its ends are not of that form"),
        (without_a_block, CheckpointBroken, "lacks block 1 of 3"),
        (quantised, WeightsUnrecognised, "U8 numbers"),
        (empty_folder, WeightsUnrecognised, "holds no safetensors file"),
    ],
)
def test_what_is_no_transformer_is_told_by_what_it_is(
    write: Callable[[Path], Path], error: type[DomainError], words: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        READ(write(tmp_path))


def test_adopting_a_folder_of_shards_says_what_it_is_and_what_to_do(tmp_path: Path) -> None:
    write_official(tmp_path / "wan_high_noise.safetensors")

    with pytest.raises(WeightsUnrecognised, match=r"bf16, Wan's own naming.*models convert"):
        FilesystemWeightReader().read_folder(tmp_path)


def test_a_gguf_file_tells_what_it_is(tmp_path: Path) -> None:
    names = {"a.gguf": None, "b_high.gguf": None, "c.gguf": "Wan 2.2 Low Noise"}
    found = [
        READ(write_gguf(tmp_path / file, HIGH, Kind.Q4_0, naming=in_comfyui_naming, name=name))
        for file, name in names.items()
    ]

    assert [one.expert for one in found] == [None, Expert.HIGH_NOISE, Expert.LOW_NOISE]
    assert {(one.naming, one.precision, one.types) for one in found} == {
        (Naming.COMFYUI, Precision.GGUF, ("Q4_0", "F32"))
    }
    assert "2 blocks of 128, 16 channels in, 16 out; GGUF Q4_0, ComfyUI's naming" in str(found[0])


def test_a_gguf_file_that_contradicts_its_name_is_told(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "wan_high.gguf", HIGH, name="Wan2.2 T2V LowNoise")

    with pytest.raises(
        WeightsUnrecognised, match=r"after the high noise expert.*'Wan2\.2 T2V LowN"
    ):
        READ(path)


def test_a_folder_of_gguf_files_asks_which(tmp_path: Path) -> None:
    write_gguf(tmp_path / "wan_high.gguf", HIGH)

    for read in (READ, FilesystemWeightReader().read_folder):
        with pytest.raises(WeightsUnrecognised, match="holds GGUF files: name the one"):
            read(tmp_path)
