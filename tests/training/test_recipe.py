"""The whole recipe runs end to end on a budget that learns nothing, so it cannot rot."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import WanImageToVideoPipeline, WanPipeline
from PIL import Image

from adapters.filesystem.manifest import check_manifest
from training.__main__ import main
from training.budgets import TINY, Gate
from training.gate import GateNotPassed, gate_autoencoder
from training.runs import Run

SIZE = {"height": 32, "width": 32, "num_frames": 5, "num_inference_steps": 2}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipe")
    main(
        [
            "all",
            "--budget=tiny",
            "--device=cpu",
            "--threads=2",
            f"--run-dir={folder}",
            f"--target={folder / 'released'}",
        ]
    )
    return folder / "released"


def test_mini_runs_in_the_stock_pipeline(target: Path) -> None:
    pipeline = WanPipeline.from_pretrained(target / "mini", dtype=torch.float32)

    video = pipeline("a red circle", output_type="np", **SIZE).frames

    assert pipeline.config.boundary_ratio == 0.875
    assert pipeline.transformer_2 is not None
    assert video.shape == (1, 5, 32, 32, 3)


def test_mini_ti2v_runs_in_the_stock_image_pipeline(target: Path) -> None:
    pipeline = WanImageToVideoPipeline.from_pretrained(target / "mini-ti2v", dtype=torch.float32)
    image = Image.fromarray(np.full((32, 32, 3), 200, dtype=np.uint8))

    video = pipeline(image=image, prompt="a red circle", output_type="np", **SIZE).frames

    assert pipeline.config.expand_timesteps
    assert pipeline.transformer_2 is None
    assert video.shape == (1, 5, 32, 32, 3)


@pytest.mark.parametrize("name", ["mini", "mini-ti2v"])
def test_the_manifest_lists_every_file_with_its_hash(target: Path, name: str) -> None:
    folder = target / name
    manifest = json.loads((folder / "manifest.json").read_text())

    found = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }

    assert {path: entry["sha256"] for path, entry in manifest["files"].items()} == found
    assert manifest["checkpoint"] == name


@pytest.mark.parametrize("stage", ["text", "vae-video"])
def test_what_was_adopted_is_finished(target: Path, tmp_path: Path, stage: str) -> None:
    arguments = ["--budget=tiny", "--device=cpu", f"--run-dir={tmp_path}", f"--target={target}"]
    main(["vae-images", "adopt", stage, *arguments])
    adopted = tmp_path / "tiny" / f"{stage.replace('-', '_')}.pt"

    assert set(torch.load(adopted, weights_only=True)) == {"averaged"}


def test_what_a_run_trained_itself_is_not_replaced_by_adopting(target: Path) -> None:
    arguments = ["--budget=tiny", f"--run-dir={target.parent}", f"--target={target}"]

    with pytest.raises(FileExistsError, match="own"):
        main(["adopt", *arguments])


def test_an_autoencoder_that_loses_too_much_stops_the_chain(target: Path) -> None:
    run = Run(target.parent / "tiny", device=torch.device("cpu"), seed=0, compiles=False)

    with pytest.raises(GateNotPassed, match="dB"):
        gate_autoencoder(replace(TINY, gate=Gate(clips=2)), run)


def test_the_cards_tell_what_was_measured(target: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    figures.write_text(json.dumps({"made": "In a hurry.", "mini": ["| a row |"]}))

    main(["cards", "--budget=tiny", f"--target={target}", f"--figures={figures}"])

    cards = [(target / name / "README.md").read_text() for name in ("mini", "mini-ti2v")]
    assert "| a row |" in cards[0]
    assert "Not measured yet" in cards[1]
    assert all("In a hurry." in card for card in cards)
    check_manifest(target / "mini")


def test_a_finished_stage_is_not_run_again(target: Path) -> None:
    state = target.parent / "tiny" / "base_video.pt"
    before = state.stat().st_mtime_ns

    main(["base-video", "--budget=tiny", "--device=cpu", f"--run-dir={target.parent}"])

    assert state.stat().st_mtime_ns == before
