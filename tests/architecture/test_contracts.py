"""Each import contract is shown its violation, and must catch it."""

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source_tree import ROOT, SRC

#: contract -> (file to spoil, the line that spoils it)
VIOLATIONS = {
    "layers": ("domain/job.py", "import application.queries"),
    "adapters": ("adapters/pyav/video_encoder.py", "import adapters.synthetic.video_pipeline"),
    "driven": ("adapters/sql/job_queue.py", "import application.queries"),
    "entities": ("domain/video.py", "import domain.ports.clock"),
    "server": (
        "bootstrap/server_container.py",
        "import bootstrap.render_container as r; import torch",
    ),
    "synthetic": ("adapters/synthetic/video_pipeline.py", "import torch"),
    "torch": ("adapters/pyav/video_encoder.py", "import torch"),
    "av": ("adapters/worker/loop.py", "import av"),
    "pillow": ("adapters/http/app.py", "import PIL"),
    "prometheus": ("adapters/http/app.py", "import prometheus_client"),
    "opentelemetry": ("adapters/http/app.py", "import opentelemetry"),
    "sqlalchemy": ("adapters/http/app.py", "import sqlalchemy"),
    "litestar": ("adapters/cli/app.py", "import litestar"),
    "client": ("adapters/http/app.py", "import httpx"),
    "terminal": ("adapters/http/app.py", "import rich"),
    "hub": ("adapters/http/app.py", "import huggingface_hub"),
    "machine": ("adapters/http/app.py", "import psutil"),
    "injector": ("adapters/http/app.py", "import dependency_injector"),
    "cycles": ("domain/progress.py", "import domain.job"),
}


def test_every_contract_has_a_violation_to_prove_it() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "importlinter.ini")

    contracts = {name.split(":")[2] for name in config.sections() if name.count(":") == 2}

    assert contracts == set(VIOLATIONS)


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_a_violated_contract_is_broken(contract: str, tmp_path: Path) -> None:
    spoiled, line = VIOLATIONS[contract]
    shutil.copytree(SRC, tmp_path / "src", ignore=shutil.ignore_patterns("mini*", "__pycache__"))
    target = tmp_path / "src" / spoiled
    target.write_text(f"{target.read_text()}\n{line}\n")

    verdict = subprocess.run(
        [
            Path(sys.executable).with_name("lint-imports"),
            "--config", ROOT / "importlinter.ini",
            "--contract", contract,
            "--no-cache",
        ],
        cwd=tmp_path / "src",
        env={**os.environ, "PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip

    assert "0 kept, 1 broken" in verdict.stdout, verdict.stdout + verdict.stderr
