"""The contract of `WeightReader`, on every adapter."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.filesystem.weight_reader import FilesystemWeightReader
from domain.errors import CheckpointBroken
from domain.found_weights import (
    Expert,
    FoundFolder,
    FoundParts,
    FoundTransformer,
    Naming,
    Precision,
    TransformerForm,
)
from domain.ports.weight_reader import WeightReader
from domain.store_errors import WeightsUnrecognised
from tests.fakes.weight_reader import FakeWeightReader
from tests.integration.weights import write_i2v, write_official, write_weights

FORM = TransformerForm(in_channels=36, out_channels=16, dim=64, blocks=2)
FILES = (
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "tokenizer/tokenizer.json",
    "tokenizer/tokenizer_config.json",
    "transformer/config.json",
    "transformer/diffusion_pytorch_model.safetensors",
    "transformer_2/config.json",
    "transformer_2/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
)
PARTS = tuple(name for name in FILES if "/" in name and not name.startswith("transformer"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small I2V-A14B, beside files that no pipeline reads."""
    folder = write_i2v(tmp_path / "i2v")
    for name in ("README.md", "vae/pytorch_model.bin", "transformer/modeling.py"):
        (folder / name).write_text("x")
    return folder


@pytest.fixture
def official(tmp_path: Path) -> Path:
    """One expert in the naming of Wan's authors."""
    return write_official(tmp_path / "wan_low_noise.safetensors")


def transformer(path: Path) -> FoundTransformer:
    return FoundTransformer(
        path=path,
        tensors={},
        form=TransformerForm(in_channels=16, out_channels=16, dim=128, blocks=2),
        naming=Naming.OFFICIAL,
        precision=Precision.BF16,
        expert=Expert.LOW_NOISE,
    )


@pytest.fixture(params=["filesystem", "fake"])
def reader(request: pytest.FixtureRequest, folder: Path, official: Path) -> WeightReader:
    if request.param == "filesystem":
        return FilesystemWeightReader()
    found = FoundFolder(folder=folder, files=FILES, form=FORM, experts=2, latent_channels=16)
    parts = FoundParts(folder=folder, files=PARTS, latent_channels=16)
    return FakeWeightReader({folder: found}, {folder: parts}, {official: transformer(official)})


def test_a_folder_says_what_it_is_and_what_of_it_is_needed(
    reader: WeightReader, folder: Path
) -> None:
    found = reader.read_folder(folder)

    assert found.folder == folder
    assert found.files == FILES
    assert (found.form, found.experts, found.latent_channels) == (FORM, 2, 16)


def test_another_folder_is_no_checkpoint(reader: WeightReader, tmp_path: Path) -> None:
    with pytest.raises(CheckpointBroken, match=r"model_index\.json is missing"):
        reader.read_folder(tmp_path / "nothing")
    with pytest.raises(CheckpointBroken, match=r"model_index\.json is missing"):
        reader.read_parts(tmp_path / "nothing")


def test_what_goes_with_a_transformer_is_found_without_one(
    reader: WeightReader, folder: Path
) -> None:
    for name in ("transformer", "transformer_2"):
        shutil.rmtree(folder / name)

    found = reader.read_parts(folder)

    assert (found.files, found.latent_channels) == (PARTS, 16)


def test_a_transformer_in_another_layout_says_what_it_is(
    reader: WeightReader, official: Path, folder: Path
) -> None:
    found = reader.read_transformer(official)

    assert replace(found, tensors={}) == transformer(official)
    with pytest.raises(WeightsUnrecognised):
        reader.read_transformer(folder / "vae")


def test_a_part_is_read_by_its_name(reader: WeightReader, folder: Path) -> None:
    weights = folder / "transformer/diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_name("model.safetensors"))

    part = reader.read_part(folder, "transformer")

    assert part.name == "transformer"
    assert part.files == ("transformer/model.safetensors",)


def test_a_part_in_shards_has_all_of_them_and_their_list(folder: Path) -> None:
    weights = folder / "transformer/diffusion_pytorch_model.safetensors"
    write_weights(weights.with_name("two.safetensors"), {"proj_out.bias": ("F32", (4,))})
    weights.with_name("all.safetensors.index.json").write_text("{}")

    part = FilesystemWeightReader().read_part(folder, "transformer")

    assert {"patch_embedding.weight", "proj_out.bias"} < part.tensors.keys()
    assert part.tensors["proj_out.bias"].size_bytes == 16
    assert len(part.files) == 3
    assert "transformer/all.safetensors.index.json" in part.files
