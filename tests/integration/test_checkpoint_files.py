"""Folders that are not whole, not safe, or not what they say."""

import itertools
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import adapters.embedded
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from adapters.filesystem.folder_state import folder_state
from domain.errors import CheckpointBroken, CheckpointUnavailable, UnsafeWeights

EMBEDDED = Path(adapters.embedded.__path__[0])
AN_HOUR_NS = 3_600_000_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good copy of `mini`, to be spoiled."""
    return Path(shutil.copytree(EMBEDDED / "mini", tmp_path / "mini"))


def weights(folder: Path) -> Path:
    return next((folder / "transformer").glob("*.safetensors"))


def test_a_good_folder_is_read_to_the_byte(folder: Path) -> None:
    found = FilesystemCheckpointCatalog([folder.parent]).find("mini")

    on_disk = sum(path.stat().st_size for path in folder.rglob("*.safetensors"))
    assert 0 < on_disk - found.weight_bytes < 100_000  # the headers alone


def cut_short(folder: Path) -> None:
    path = weights(folder)
    path.write_bytes(path.read_bytes()[:-100])


def grow(folder: Path) -> None:
    with weights(folder).open("ab") as file:
        file.write(b"\0" * 7)


def garble(folder: Path) -> None:
    path = weights(folder)
    content = path.read_bytes()
    path.write_bytes(content[:8] + b"?" * 40 + content[48:])


def claim_a_huge_header(folder: Path) -> None:
    path = weights(folder)
    path.write_bytes((2**62).to_bytes(8, "little") + path.read_bytes()[8:])


def point_nowhere(folder: Path) -> None:
    """As in a Hugging Face cache whose blobs were removed."""
    path = weights(folder)
    path.unlink()
    path.symlink_to(folder / "blobs" / "gone")


def claim(header: object) -> Callable[[Path], None]:
    raw = json.dumps(header).encode()
    return lambda folder: _put(folder, raw)


def nest_deeply(folder: Path) -> None:
    _put(folder, b"[" * 200_000)


def _put(folder: Path, header: bytes) -> None:
    weights(folder).write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))


def change(name: str, **values: object) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        told = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**told, **values}))

    return spoil


def add(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(b"x") and None


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (cut_short, CheckpointBroken, "cut short by 100 bytes"),
        (grow, CheckpointBroken, "7 bytes too long"),
        (garble, CheckpointBroken, "damaged header"),
        (claim_a_huge_header, CheckpointBroken, "not a safetensors file"),
        (lambda f: weights(f).unlink(), CheckpointBroken, "no safetensors file"),
        (lambda f: (f / "model_index.json").unlink(), CheckpointBroken, "model_index.json"),
        (lambda f: (f / "model_index.json").write_text("{"), CheckpointBroken, "cannot be read"),
        (change("model_index.json", vae=[None, None]), CheckpointBroken, "no vae"),
        (change("model_index.json", transformer_2=[None, None]), CheckpointBroken, "two experts"),
        (change("model_index.json", boundary_ratio=0.5), CheckpointBroken, "0.5"),
        (change("vae/config.json", z_dim=48), CheckpointBroken, "48 latent channels"),
        (change("model_index.json", expand_timesteps=True), CheckpointBroken, "expand_timesteps"),
        (change("transformer/config.json", in_channels=36), CheckpointBroken, "reads 36 channels"),
        (change("transformer_2/config.json", in_channels=36), CheckpointBroken, "transformer_2"),
        (add("transformer/pytorch_model.bin"), UnsafeWeights, "pickled"),
        (add("vae/old.PTH"), UnsafeWeights, "pickled"),
        (add("transformer/modeling.py"), UnsafeWeights, "code"),
        (lambda f: shutil.rmtree(f / "tokenizer"), CheckpointBroken, "lacks the folder tokenizer"),
        (point_nowhere, CheckpointBroken, "cannot be read"),
        (claim({"w": {"dtype": "F32", "data_offsets": [8, 0]}}), CheckpointBroken, "damaged"),
        (claim([1, 2]), CheckpointBroken, "damaged header"),
        (nest_deeply, CheckpointBroken, "damaged header"),
        (
            change("text_encoder/config.json", auto_map={"AutoModel": "x.Y"}),
            UnsafeWeights,
            "auto_map",
        ),
    ],
)
def test_s09_s10_a_spoiled_folder_is_refused_with_the_reason(
    spoil: Callable[[Path], None],
    error: type[CheckpointUnavailable],
    words: str,
    folder: Path,
) -> None:
    catalog = FilesystemCheckpointCatalog([folder.parent])
    spoil(folder)

    with pytest.raises(error, match=words):
        catalog.find("mini")
    assert words in (catalog.entries()[0].problem or "")


@pytest.mark.parametrize(
    "spoil",
    [
        cut_short,
        grow,
        garble,
        point_nowhere,
        add("transformer/modeling.py"),
        change("vae/config.json", z_dim=48),
        lambda folder: shutil.rmtree(folder / "tokenizer"),
    ],
)
def test_a_folder_that_was_found_good_is_read_again_once_it_is_touched(
    spoil: Callable[[Path], None], folder: Path
) -> None:
    catalog = a_catalog_in_an_hour(folder)
    catalog.find("mini")

    spoil(folder)

    with pytest.raises(CheckpointUnavailable):
        catalog.find("mini")


def test_a_change_that_keeps_size_and_time_is_still_seen(folder: Path) -> None:
    catalog = a_catalog_in_an_hour(folder)
    catalog.find("mini")
    path = weights(folder)
    told = path.stat()

    with path.open("r+b") as file:  # the last byte of a tensor: no header tells
        file.seek(-1, os.SEEK_END)
        (byte,) = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))

    with pytest.raises(CheckpointBroken):
        catalog.find("mini")


def test_a_good_folder_is_read_once(folder: Path) -> None:
    catalog = a_catalog_in_an_hour(folder)

    assert catalog.find("mini") is catalog.find("mini")


def test_what_changed_a_moment_ago_may_change_again_unseen_and_is_not_relied_on(
    folder: Path,
) -> None:
    # Two writes within one tick of the file system's clock leave the same times behind.
    catalog = FilesystemCheckpointCatalog([folder.parent])

    assert catalog.find("mini") is not catalog.find("mini")


def test_in_a_flood_of_requests_a_checkpoint_is_looked_at_once_in_a_while(folder: Path) -> None:
    now = itertools.count(time.time_ns(), 60_000_000)
    catalog = FilesystemCheckpointCatalog([folder.parent], lambda: next(now), glance_s=0.2)
    seen = catalog.find("mini")
    weights(folder).unlink()

    assert catalog.find("mini") is seen
    with pytest.raises(CheckpointBroken):
        for _ in range(3):
            catalog.find("mini")


def test_folders_that_link_to_each_other_are_walked_once(folder: Path) -> None:
    (folder / "vae" / "up").symlink_to(folder, target_is_directory=True)
    hour = time.time_ns() + AN_HOUR_NS

    state = folder_state(folder, now_ns=hour)

    assert state is not None
    assert 0 < len(state) < 100


def a_catalog_in_an_hour(folder: Path) -> FilesystemCheckpointCatalog:
    """Its folder was made long ago, as its clock says."""
    return FilesystemCheckpointCatalog([folder.parent], lambda: time.time_ns() + AN_HOUR_NS)


def test_a_missing_shard_is_named(folder: Path) -> None:
    index = {"weight_map": {"a": weights(folder).name, "b": "model-00002-of-00002.safetensors"}}
    (folder / "transformer" / "model.safetensors.index.json").write_text(json.dumps(index))

    with pytest.raises(CheckpointBroken, match="00002-of-00002"):
        FilesystemCheckpointCatalog([folder.parent]).find("mini")


@pytest.mark.parametrize("weight_map", [None, {"a": ["x"]}, {"a": 1, "b": "c"}])
def test_an_index_of_shards_that_is_nonsense_is_broken(folder: Path, weight_map: object) -> None:
    index = folder / "transformer" / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))

    with pytest.raises(CheckpointBroken, match=r"index\.json"):
        FilesystemCheckpointCatalog([folder.parent]).find("mini")


def test_the_users_own_folder_goes_before_the_embedded_one(folder: Path) -> None:
    assert FilesystemCheckpointCatalog([folder.parent, EMBEDDED]).find("mini").folder == folder


def test_a_flipped_byte_is_found(folder: Path) -> None:
    catalog = FilesystemCheckpointCatalog([folder.parent])
    catalog.find("mini")
    path = weights(folder)
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)

    with pytest.raises(CheckpointBroken, match=f"{path.name} in .* is not the file"):
        catalog.find("mini")


def test_a_file_the_manifest_names_must_be_there(folder: Path) -> None:
    (folder / "README.md").unlink()

    with pytest.raises(CheckpointBroken, match=r"lacks README\.md"):
        FilesystemCheckpointCatalog([folder.parent]).find("mini")


def test_a_damaged_manifest_is_told(folder: Path) -> None:
    (folder / "manifest.json").write_text("[]")

    with pytest.raises(CheckpointBroken, match="manifest"):
        FilesystemCheckpointCatalog([folder.parent]).find("mini")


def test_a_folder_without_a_manifest_is_taken_as_it_is(folder: Path) -> None:
    (folder / "manifest.json").unlink()

    assert FilesystemCheckpointCatalog([folder.parent]).find("mini").folder == folder
