"""Where a worker works: on the accelerator that it was given, and alone."""

import asyncio
import os
from pathlib import Path

import pytest
from dependency_injector import providers

from adapters.subprocess.renderer import SubprocessRenderer
from bootstrap.core_container import CoreContainer
from bootstrap.server_container import ServerContainer
from bootstrap.settings import load_settings
from domain.errors import WorkerUnavailable
from tests.fakes.hardware_probe import FakeHardwareProbe
from tests.ports.test_renderer import an_order, reports_of

pytestmark = pytest.mark.slow

#: Run at a process's start: a torch that was built for CUDA, on a machine that has lost its GPU.
LOST = """
import torch
torch.version.cuda = "13.0"
torch.cuda.is_available = lambda: False
"""


async def test_a_worker_that_cannot_see_its_accelerator_renders_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A worker that was started after its GPU had gone rendered on the CPU, for hours, from the first
    # step on: the resume point, made on the GPU, was rejected.
    (tmp_path / "sitecustomize.py").write_text(LOST)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    overrides = {"data_dir": str(tmp_path / "data"), "log.level": "ERROR"}
    core = CoreContainer(settings=load_settings(overrides=overrides, environment={}))
    core.hardware.override(providers.Object(FakeHardwareProbe()))
    [renderer] = ServerContainer(core=core).renderers()
    assert isinstance(renderer, SubprocessRenderer)

    async with asyncio.timeout(60):
        with pytest.raises(WorkerUnavailable, match=r"cannot see.*7"):
            await reports_of(renderer, an_order())

    assert renderer.process_id is None, "the next order gets a new worker, which may see it"
