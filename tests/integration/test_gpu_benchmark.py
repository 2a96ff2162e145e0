"""`benchmarks/gpu.py` without a GPU: the same code, on networks of a few thousand numbers."""

import json
from typing import Any

import pytest

from benchmarks.gpu import main
from benchmarks.on_gpu.stages import STAGES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("gpu")

    assert main(["--tiny", "--out", str(folder)]) == 0

    assert "| checkpoint | size | placed |" in (folder / "gpu.md").read_text()
    return dict(json.loads((folder / "gpu.json").read_text()))


def rows(told: dict[str, Any], stage: str) -> list[dict[str, Any]]:
    return list(told["stages"][stage]["rows"])


def test_every_stage_runs_to_its_end(told: dict[str, Any]) -> None:
    assert {name: stage["ended"] for name, stage in told["stages"].items()} == dict.fromkeys(
        STAGES, "done"
    )
    assert all(rows(told, stage) for stage in STAGES)


def test_steps_that_are_not_made_are_reckoned(told: dict[str, Any]) -> None:
    row = rows(told, "speed")[0]

    assert (row["steps"], row["of them made"]) == (40, 2)
    assert row["denoise, s"] == pytest.approx(40 * row["a step, s"], rel=0.02)


def test_the_video_is_the_same_resumed_and_wherever_the_parts_lie(told: dict[str, Any]) -> None:
    assert all(row["the same frames"] for row in rows(told, "resume"))
    assert all(row["steps made again"] == 0 for row in rows(told, "resume"))
    same = {row["placed"]: row["the same frames"] for row in rows(told, "placements")}
    assert same.pop("resident, int8") is False
    assert same.pop("resident, fp8") is False
    assert len(same) == 4
    assert all(same.values())


def test_every_way_to_multiply_in_fp8_is_near_bf16_and_not_the_same(told: dict[str, Any]) -> None:
    exact, *others = rows(told, "fp8")

    assert exact["products"] == "bf16"
    assert len(others) == 4
    assert all(0.001 < float(row["differs by"]) < 0.2 for row in others)


def test_a_cancel_comes_before_the_step_ends(told: dict[str, Any]) -> None:
    (row,) = rows(told, "cancel")

    assert row["cancels"] == 1


def test_a_stage_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--tiny", "--only", "sped"])

    assert "there is no stage 'sped'; there are speed," in capsys.readouterr().err
