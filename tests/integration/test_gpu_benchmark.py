"""`benchmarks/gpu.py` without a GPU: the same code, on networks of a few thousand numbers."""

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import gpu
from benchmarks.gpu import main
from benchmarks.on_gpu import bench as of_bench
from benchmarks.on_gpu.bench import Bench, scale
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


OURS = ("adapters", "benchmarks", "domain", "tests")


def test_it_says_all_that_it_needs() -> None:
    # It named four of them: it would have ended at the import of a fifth, on a machine that costs.
    needed = {"Pillow" if name == "PIL" else name for name in imported()}

    assert gpu.__doc__ is not None
    told = gpu.__doc__.partition("Needs ")[2].partition(" and this")[0]
    assert needed <= set(told.split(", "))
    assert {"torch", "diffusers", "gguf"} <= needed


def imported() -> Iterator[str]:
    """What the modules import that are loaded for the benchmark, and are none of ours."""
    for path in sorted(loaded_of_ours()):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Import(names=names):
                    told = [alias.name for alias in names]
                case ast.ImportFrom(module=str(name)):
                    told = [name]
                case _:
                    continue
            tops = {name.partition(".")[0] for name in told}
            yield from tops - {*OURS, *sys.stdlib_module_names}


def loaded_of_ours() -> Iterator[Path]:
    named = (
        "adapters.diffusers.",
        "benchmarks.gpu",
        "benchmarks.on_gpu.",
        "domain.",
        "tests.fakes.resume_points",
    )
    for name, module in sys.modules.items():
        if name.startswith(named) and module.__file__:
            yield Path(module.__file__)


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


def test_what_may_fill_the_hosts_memory_comes_last(told: dict[str, Any]) -> None:
    # Ended there, for want of memory, it had told nothing of int8 and fp8.
    placed = [row["placed"] for row in rows(told, "placements")]

    assert [name for name in placed if "pinned" in name] == placed[-1:]


def test_what_earlier_rows_left_in_caches_is_planned_in(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(scale("tiny"))
    request = bench.request(bench.scale.small, steps=2, guidance=1.0)

    monkeypatch.setattr(of_bench, "_host_bytes", lambda: 0)

    assert bench.plan(request).placement is not None


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
