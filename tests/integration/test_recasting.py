"""`wan models convert ID`: what was pulled in fp32 is stored as it is run, once, where it lies."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from adapters.cli.app import build_app, run
from adapters.diffusers.loading import load
from adapters.diffusers.video_pipeline import DiffusersVideoPipeline
from adapters.filesystem import checkpoint_assembly
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from adapters.filesystem.file_lock import FileLock
from bootstrap.cli import Commands
from domain.placement import ALL_ON_CPU
from domain.repository import REPOSITORIES
from domain.run import Run
from domain.structure import Precision
from tests.fakes.examples import a_request
from tests.fakes.hub_server import HubServer
from tests.fakes.model_hub import COMMIT
from tests.fakes.resume_points import FakeResumePoints
from tests.integration.tiny_wans import FAMILY, a_pipe
from tests.integration.weights import write_t2v

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("settled")]

A14B = "t2v-A14B"
IN_BF16 = replace(ALL_ON_CPU, precision=Precision.BF16)
KILLED_AFTER_IT = """
import os
from adapters.filesystem import checkpoint_assembly
from bootstrap.cli import main

exchange = checkpoint_assembly.replace_folder

def exchange_and_die(folder, target):
    exchange(folder, target)
    os._exit(9)

checkpoint_assembly.replace_folder = exchange_and_die
main()
"""
SHARDED = "transformer/diffusion_pytorch_model.safetensors.index.json"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """One that has every checkpoint in small, in fp32 and in shards."""
    repositories: dict[str, Mapping[str, bytes]] = {}
    for checkpoint_id, structure in FAMILY.items():
        folder = tmp_path / "theirs" / checkpoint_id
        a_pipe(structure).save_pretrained(folder, max_shard_size="40KB")
        repositories[REPOSITORIES[checkpoint_id]] = on_disk(folder)
    monkeypatch.setenv("WAN_DISK__SOFT_MIB", "1")
    monkeypatch.setenv("WAN_DISK__HARD_MIB", "1")
    with HubServer(repositories).running() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def wan(*arguments: str | Path) -> int:
    return run(build_app(Commands()), ["models", *map(str, arguments)])


def on_disk(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def loaded(models: Path, checkpoint_id: str) -> dict[str, torch.Tensor]:
    """Every tensor of it, as an accelerator would get it."""
    checkpoint = FilesystemCheckpointCatalog([models]).find(checkpoint_id)
    made = load(checkpoint, IN_BF16, torch.device("cpu"))
    made.prompts.embed("a red circle", "prompt")
    parts: dict[str, Any] = made.pipe.components
    return {
        f"{name}.{tensor}": numbers
        for name, part in parts.items()
        if isinstance(part, torch.nn.Module)
        for tensor, numbers in part.state_dict().items()
    }


def frames(models: Path, checkpoint_id: str) -> bytes:
    """What it draws in bf16; on a CPU, the pipeline itself would have it in fp32."""
    checkpoint = FilesystemCheckpointCatalog([models]).find(checkpoint_id)
    request = a_request(checkpoint=checkpoint_id, width=32, height=32, num_frames=5, steps=2)
    pipeline = DiffusersVideoPipeline(
        load=lambda it, _, device, cache: load(it, IN_BF16, device, cache)
    )
    with closing(pipeline):
        chunks = pipeline.generate(
            Run(request=request, checkpoint=checkpoint), lambda _told: None, FakeResumePoints()
        )
        return b"".join(chunk.rgb.tobytes() for chunk in chunks)


@pytest.mark.parametrize("checkpoint_id", FAMILY)
def test_what_is_loaded_is_the_same_to_the_bit(
    checkpoint_id: str, hub: HubServer, models: Path
) -> None:
    assert wan("pull", checkpoint_id) == 0
    before = loaded(models, checkpoint_id)

    assert wan("convert", checkpoint_id) == 0

    after = loaded(models, checkpoint_id)
    assert after.keys() == before.keys()
    for name, numbers in before.items():
        assert after[name].dtype == numbers.dtype, name
        assert torch.equal(after[name], numbers), name
    assert not FilesystemCheckpointCatalog([models]).find(checkpoint_id).recastable


def test_the_frames_are_the_same(hub: HubServer, models: Path) -> None:
    wan("pull", A14B)
    before = frames(models, A14B)

    assert wan("convert", A14B) == 0

    assert frames(models, A14B) == before


def test_it_is_listed_verified_explained_and_removed(
    hub: HubServer, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wan("pull", A14B) == 0
    assert f"wan models convert {A14B}" in capsys.readouterr().out
    before = on_disk(models / A14B)
    assert wan("convert", A14B) == 0
    told = capsys.readouterr().out
    assert f"{REPOSITORIES[A14B]} at {COMMIT[:12]}, transformer and" in told
    assert "transformer and transformer_2 and text_encoder converted;" in told

    after = on_disk(models / A14B)
    assert SHARDED in before
    assert {name for name in after if name.startswith("transformer/")} == {
        "transformer/config.json",
        "transformer/diffusion_pytorch_model.safetensors",
    }
    kept = {name for name in before if name.startswith(("vae/", "tokenizer/", "scheduler/"))}
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    manifest = json.loads((models / A14B / "manifest.json").read_text())
    assert (manifest["repository"], manifest["revision"]) == (REPOSITORIES[A14B], COMMIT)
    assert manifest["recast"] == ["transformer", "transformer_2", "text_encoder"]
    assert not list((models / ".staging").glob("*/*")), "the fp32 files are gone"

    assert wan("list") == 0
    assert f"wan models convert {A14B}" not in capsys.readouterr().out
    assert wan("verify", A14B) == 0
    assert wan("repair", A14B) == 2
    assert f"wan models pull {A14B} --convert" in capsys.readouterr().err
    assert wan("pull", A14B) == 0
    assert "is here already" in capsys.readouterr().out
    assert wan("remove", A14B, "--yes") == 0
    assert not (models / A14B).exists()


def test_asked_again_there_is_nothing_to_convert(
    hub: HubServer, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wan("pull", A14B, "--convert") == 0
    before = on_disk(models / A14B)
    capsys.readouterr()

    assert wan("convert", A14B) == 0

    assert "nothing to convert" in capsys.readouterr().out
    assert on_disk(models / A14B) == before


def test_a_conversion_that_is_killed_leaves_the_former_whole(hub: HubServer, models: Path) -> None:
    wan("pull", A14B)
    before = on_disk(models / A14B)
    program = (
        "import os; from adapters.filesystem import checkpoint_assembly as it; "
        "it.replace_folder = lambda *_: os._exit(9); from bootstrap.cli import main; main()"
    )

    killed = subprocess.run(
        [sys.executable, "-c", program, "models", "convert", A14B],
        stderr=subprocess.DEVNULL,
        check=False,
    )

    assert killed.returncode == 9
    assert on_disk(models / A14B) == before
    assert (models / f".staging/{A14B}.new/manifest.json").exists()
    assert wan("convert", A14B) == 0
    assert not (models / f".staging/{A14B}.new").exists()


def test_the_former_files_go_once_the_conversion_that_left_them_is_dead(
    hub: HubServer, models: Path
) -> None:
    # Killed between the exchange and the removal, it left the fp32 files of a ready checkpoint, untold.
    wan("pull", A14B)
    left = models / f".staging/{A14B}.new"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AFTER_IT, "models", "convert", A14B],
        stderr=subprocess.DEVNULL,
        check=False,
    )
    assert killed.returncode == 9
    assert (left / SHARDED).exists()
    lock = FileLock(models / f".staging/{A14B}.lock")

    lock.take()
    assert wan("list") == 0
    assert (left / SHARDED).exists(), "somebody works on it"
    lock.release()
    assert wan("list") == 0

    assert not left.exists()
    assert wan("verify", A14B) == 0


def test_what_a_killed_conversion_left_goes_with_the_checkpoint(
    hub: HubServer, models: Path
) -> None:
    wan("pull", A14B)
    left = models / f".staging/{A14B}.new/transformer"
    left.mkdir(parents=True)
    (left / "diffusion_pytorch_model.safetensors").write_bytes(b"half")

    assert wan("remove", A14B, "--yes") == 0

    assert not left.exists()


def test_a_disk_that_replaces_no_folder_at_once_is_told_before_the_work(
    hub: HubServer,
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wan("pull", A14B)
    before = on_disk(models / A14B)

    def refuse(_parent: Path) -> None:
        raise OSError(22, os.strerror(22))

    monkeypatch.setattr(checkpoint_assembly, "check_replacing", refuse)

    assert wan("convert", A14B) == 1

    assert "at once on this file system: Invalid argument" in capsys.readouterr().err
    assert on_disk(models / A14B) == before


def test_no_room_is_told_with_numbers_and_nothing_is_written(
    hub: HubServer,
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wan("pull", A14B)
    before = on_disk(models / A14B)
    monkeypatch.setenv("WAN_DISK__SOFT_MIB", str(2**40))

    assert wan("convert", A14B) == 1

    told = capsys.readouterr().err
    assert "is converted to need 0.01 GiB" in told
    assert "GiB are free" in told
    assert on_disk(models / A14B) == before


def test_a_wrong_byte_is_not_converted(
    hub: HubServer, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Read back only after the conversion, it would have been right in the new manifest.
    wan("pull", A14B)
    path = min((models / A14B / "vae").glob("*.safetensors"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    assert wan("convert", A14B) == 3

    assert path.name in capsys.readouterr().err
    assert path.read_bytes() == content


def test_files_of_others_stay_beside_it(hub: HubServer, models: Path) -> None:
    wan("pull", A14B)
    (models / A14B / "NOTES.txt").write_text("mine")

    assert wan("convert", A14B) == 0

    assert (models / A14B / "NOTES.txt").read_text() == "mine"
    assert wan("verify", A14B) == 0
    assert wan("remove", A14B, "--yes") == 0
    assert on_disk(models / A14B) == {"NOTES.txt": b"mine"}


def test_links_of_others_stay_beside_it_and_are_not_followed(
    tmp_path: Path, hub: HubServer, models: Path
) -> None:
    wan("pull", A14B)
    theirs = tmp_path / "pictures"
    theirs.mkdir()
    (theirs / "cat.png").write_bytes(b"cat")
    (models / A14B / "pictures").symlink_to(theirs)
    (models / A14B / "vae/gone.txt").symlink_to("nowhere")

    assert wan("convert", A14B) == 0

    assert (models / A14B / "pictures").readlink() == theirs
    assert (models / A14B / "vae/gone.txt").readlink() == Path("nowhere")
    assert wan("remove", A14B, "--yes") == 0
    assert (models / A14B / "pictures").is_symlink()
    assert (theirs / "cat.png").read_bytes() == b"cat"


def test_a_part_that_was_moved_and_linked_is_converted(
    tmp_path: Path, hub: HubServer, models: Path
) -> None:
    wan("pull", A14B)
    moved = tmp_path / "moved"
    (models / A14B / "vae").rename(moved)
    (models / A14B / "vae").symlink_to(moved)
    before = on_disk(moved)

    assert wan("convert", A14B) == 0

    assert on_disk(models / A14B / "vae") == before == on_disk(moved)
    assert wan("verify", A14B) == 0


@pytest.mark.parametrize("name", ["other.safetensors", "diffusion_pytorch_model.safetensors"])
def test_weights_of_others_are_not_taken_for_its_own(
    name: str, hub: HubServer, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Their tensors became the checkpoint's, and its new manifest vouched for them.
    wan("pull", A14B)
    stray = models / A14B / "transformer" / name
    save_file({"theirs": torch.zeros(2)}, stray)
    before = on_disk(models / A14B)

    assert wan("convert", A14B) == 2

    assert f"{stray} is none of the files" in capsys.readouterr().err
    assert on_disk(models / A14B) == before
    stray.rename(models / A14B / name)
    assert wan("convert", A14B) == 0
    assert (models / A14B / name).read_bytes() == before[f"transformer/{name}"]


def test_what_is_not_ours_is_not_changed(
    tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = write_t2v(tmp_path / "theirs")
    wan("adopt", theirs, "--as", A14B)

    assert wan("convert", A14B) == 2
    told = capsys.readouterr().err
    assert str(theirs) in told
    assert "wan models convert --high" in told
    assert wan("convert", "mini") == 2
    assert "ships with Wan Studio" in capsys.readouterr().err
    assert wan("convert", "ti2v-5B") == 3
    assert "wan models pull ti2v-5B" in capsys.readouterr().err
    assert wan("convert", "t2v-a14B") == 2
    assert "neither a file nor the id of a checkpoint" in capsys.readouterr().err
