"""Weights that are pickled are never read, also where there are no others."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import adapters.embedded
from adapters.diffusers.loading import load
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog, read_checkpoint
from domain.errors import CheckpointBroken
from domain.placement import ALL_ON_CPU

pytestmark = pytest.mark.slow

MINI = FilesystemCheckpointCatalog([Path(adapters.embedded.__path__[0])]).find("mini")


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("transformer", "diffusion_pytorch_model.bin"),
        ("vae", "diffusion_pytorch_model.bin"),
        ("text_encoder", "pytorch_model.bin"),
    ],
)
def test_pickled_weights_are_never_read(part: str, name: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(MINI.folder, tmp_path / "mini"))
    found = read_checkpoint(MINI.spec, folder)
    (file,) = (folder / part).glob("*.safetensors")
    torch.save(load_file(file), folder / part / name)
    file.unlink()

    with pytest.raises(CheckpointBroken, match="cannot be loaded"):
        load(found, ALL_ON_CPU, torch.device("cpu")).prompts.prepare(["a text to be encoded"])
