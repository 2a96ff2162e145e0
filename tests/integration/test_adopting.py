"""`wan models adopt`: checkpoints used where they lie."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.cli.app import build_app, run
from bootstrap.cli import Commands
from tests.integration.weights import (
    EMBEDDED,
    change,
    write_i2v,
    write_t2v,
    write_ti2v,
    write_transformer,
)

#: None here has its size.
AS_A14B = ("--as", "t2v-A14B")

pytestmark = pytest.mark.usefixtures("settled")


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A folder of the form of T2V-A14B, that somebody else put there."""
    return write_t2v(tmp_path / "theirs")


def wan(*arguments: str | Path) -> int:
    return run(build_app(Commands()), ["models", *map(str, arguments)])


def snapshot(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_a_folder_elsewhere_is_used_where_it_lies(
    theirs: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot(theirs)

    assert wan("adopt", theirs, *AS_A14B) == 0

    assert "t2v-A14B  ready" in capsys.readouterr().out
    assert snapshot(theirs) == before
    links = [path for path in (models / "t2v-A14B").rglob("*") if path.is_symlink()]
    assert len(links) == len(before) - 1  # all but the README, which no pipeline reads
    wan("list", "--json")
    listed = {model["id"]: model for model in json.loads(capsys.readouterr().out)}["t2v-A14B"]
    assert (listed["state"], listed["origin"]) == ("ready", "adopted")
    assert listed["source"] == str(theirs)


def test_what_was_adopted_is_verified_and_given_back(
    theirs: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wan("adopt", theirs, *AS_A14B)
    before = snapshot(theirs)

    assert wan("verify", "t2v-A14B") == 0
    assert wan("remove", "t2v-A14B", "--yes") == 0

    assert snapshot(theirs) == before
    assert not (models / "t2v-A14B").exists()


def test_a_change_in_the_folder_is_named_by_verify(
    theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wan("adopt", theirs, *AS_A14B)
    change(theirs / "vae/config.json", z_dim=17)
    (theirs / "tokenizer/tokenizer.json").unlink()

    assert wan("verify", "t2v-A14B") == 3

    told = capsys.readouterr().out
    assert "vae/config.json: " in told
    assert "tokenizer/tokenizer.json: missing" in told
    assert str(theirs) in told


def test_a_hub_cache_of_links_is_adopted_by_what_it_points_to(
    theirs: Path, tmp_path: Path, models: Path
) -> None:
    cache = tmp_path / "snapshot"
    for name in snapshot(theirs):
        (cache / name).parent.mkdir(parents=True, exist_ok=True)
        (cache / name).symlink_to(theirs / name)

    assert wan("adopt", cache, *AS_A14B) == 0

    link = models / "t2v-A14B/vae/config.json"
    assert link.readlink() == theirs / "vae/config.json"


def test_pickles_and_code_beside_the_weights_are_never_linked(theirs: Path, models: Path) -> None:
    (theirs / "transformer/pytorch_model.bin").write_bytes(b"x")
    (theirs / "transformer/modeling.py").write_text("boom()")

    assert wan("adopt", theirs, *AS_A14B) == 0

    assert not list((models / "t2v-A14B").rglob("*.bin"))
    assert not list((models / "t2v-A14B").rglob("*.py"))


def test_each_form_is_recognised(
    tmp_path: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ti2v, i2v = write_ti2v(tmp_path / "ti2v"), write_i2v(tmp_path / "i2v")
    t2v = Path(shutil.copytree(theirs, tmp_path / "t2v"))
    change(t2v / "model_index.json", transformer_2=[None, None], boundary_ratio=None)

    for folder, checkpoint in ((ti2v, "ti2v-5B"), (t2v, "t2v-1.3B"), (i2v, "i2v-A14B")):
        assert wan("adopt", folder, "--as", checkpoint) == 0

    ready = [line for line in capsys.readouterr().out.splitlines() if "ready" in line]
    assert [line.split()[0] for line in ready] == ["ti2v-5B", "t2v-1.3B", "i2v-A14B"]


def no_vae(folder: Path) -> None:
    change(folder / "model_index.json", vae=[None, None])


def other_channels(folder: Path) -> None:
    change(folder / "transformer/config.json", in_channels=36)


def other_blocks(folder: Path) -> None:
    change(folder / "transformer/config.json", num_layers=4)


def unlike_experts(folder: Path) -> None:
    write_transformer(folder / "transformer", channels=16)


def wide_and_alone(folder: Path) -> None:
    for name in ("transformer", "transformer_2"):
        write_transformer(folder / name, channels=16, dim=5120, blocks=0)
    change(folder / "model_index.json", transformer_2=[None, None])


def image_branch(folder: Path) -> None:
    for name in ("transformer", "transformer_2"):
        change(folder / name / "config.json", image_dim=1280)


def another_class(folder: Path) -> None:
    change(folder / "transformer/config.json", _class_name="FluxTransformer2DModel")


def cut_short(folder: Path) -> None:
    path = folder / "transformer/diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (no_vae, 3, "has no vae"),
        (other_channels, 3, "read 16 channels into 128; its config.json says 36 into 128"),
        (other_blocks, 3, "have 5 blocks; its config.json says 4"),
        (unlike_experts, 3, "of different forms: 2 blocks of 64"),
        (wide_and_alone, 2, "half of t2v-A14B"),
        (image_branch, 2, "a CLIP image branch"),
        (another_class, 3, "FluxTransformer2DModel"),
        (cut_short, 3, "cut short by 10 bytes"),
        (lambda folder: (folder / "model_index.json").unlink(), 3, "model_index.json is missing"),
        (lambda folder: shutil.rmtree(folder / "tokenizer"), 3, "lacks the folder tokenizer"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason_and_leaves_nothing(
    spoil: Callable[[Path], None],
    code: int,
    words: str,
    theirs: Path,
    models: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(theirs)

    assert wan("adopt", theirs, *AS_A14B) == code

    assert words in capsys.readouterr().err
    assert not (models / "t2v-A14B").exists()
    assert not list(models.rglob("*.json"))


def test_another_checkpoint_than_was_meant_is_named(
    theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wan("adopt", theirs, "--as", "i2v-A14B") == 2

    told = capsys.readouterr().err
    assert "is not i2v-A14B but t2v-A14B: 2 transformers of 5 blocks of 128" in told


def test_a_place_that_is_taken_is_not_given_away(
    theirs: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wan("adopt", theirs, *AS_A14B)
    before = sorted((models / "t2v-A14B").rglob("*"))

    assert wan("adopt", theirs, *AS_A14B) == 2

    assert "wan models remove t2v-A14B" in capsys.readouterr().err
    assert sorted((models / "t2v-A14B").rglob("*")) == before


def test_what_has_not_its_size_is_adopted_only_by_name_and_listed_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A copy of mini became "t2v-A14B ready: 13.7 MiB".
    copy = Path(shutil.copytree(EMBEDDED / "mini", tmp_path / "copy"))

    assert wan("adopt", copy) == 2
    told = capsys.readouterr().err
    assert f"{copy} is of the form of t2v-A14B and not of its size: 5 blocks of 160" in told
    assert "--as t2v-A14B" in told
    assert wan("adopt", copy, "--as", "mini") == 2
    assert "mini ships with Wan Studio and stays" in capsys.readouterr().err
    assert wan("adopt", copy, *AS_A14B) == 0

    wan("list")
    listed = capsys.readouterr().out
    assert "not of its full size: 5 blocks of 160, where the published one has 40 of 5120" in listed


def test_a_refusal_names_the_folder_that_was_named(
    tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # It named a folder of the store's own, which nobody had typed and which was gone.
    copy = Path(shutil.copytree(EMBEDDED / "mini-ti2v", tmp_path / "copy"))

    assert wan("adopt", copy, "--as", "t2v-1.3B") == 3

    told = capsys.readouterr().err
    assert f"wan: {copy} is not a t2v-1.3B: its index says expand_timesteps True." in told
    assert ".staging" not in told


def test_a_class_that_no_library_has_is_refused(
    theirs: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # It was ready, and a generation failed with what diffusers says of it.
    for name, told in (("vae", ["diffusers", "EvilModel"]), ("scheduler", ["evil", "Scheduler"])):
        spoiled = Path(shutil.copytree(theirs, theirs.parent / name))
        change(spoiled / "model_index.json", **{name: told})

        assert wan("adopt", spoiled, *AS_A14B) == 3

        assert f"asks for {told} as {name}" in capsys.readouterr().err
    assert not (models / "t2v-A14B").exists()


def test_a_transformer_of_pickles_alone_is_refused_by_their_name(
    theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = theirs / "transformer/diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_name("pytorch_model.bin"))

    assert wan("adopt", theirs, *AS_A14B) == 3

    assert "transformer/pytorch_model.bin is pickled" in capsys.readouterr().err


def test_whole_files_that_are_no_such_checkpoint_do_not_verify(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # `wan models` called it broken, and `verify` whole.
    shutil.copytree(EMBEDDED / "mini-ti2v", models / "ti2v-5B")
    (models.parent / "wan-studio.json").write_text('{"product": "wan-studio", "format": 1}')

    assert wan("verify", "ti2v-5B") == 3

    told = capsys.readouterr()
    assert "whole" not in told.out
    assert "has a VAE of 16 latent channels; ti2v-5B has 48" in told.err


def test_a_folder_that_went_away_is_told_with_where_it_was(
    theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wan("adopt", theirs, *AS_A14B)
    theirs.rename(theirs.parent / "moved")

    wan("list")

    told = capsys.readouterr().out
    assert f"model_index.json is a link to {theirs / 'model_index.json'}, which is gone." in told


@pytest.mark.parametrize(
    ("command", "words"), [("adopt", "a folder in diffusers' layout"), ("convert", "was pulled")]
)
def test_what_can_be_named_is_told_where_nothing_is(
    command: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wan(command) == 2

    assert words in " ".join(capsys.readouterr().err.replace("│", " ").split())
