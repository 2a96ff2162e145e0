"""Where a worker works: on the accelerator that it was given, and alone."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest
from dependency_injector import providers

from adapters.filesystem.data_directory import DataDirectory
from adapters.subprocess import wire
from adapters.subprocess.renderer import SubprocessRenderer
from bootstrap.core_container import CoreContainer
from bootstrap.server_container import ServerContainer
from bootstrap.settings import load_settings
from domain.errors import WorkerUnavailable
from domain.rendering import VideoStaged
from tests.fakes.hardware_probe import FakeHardwareProbe
from tests.integration.test_stopped_workers import answer_of
from tests.ports.test_renderer import an_order, reports_of, worker_command

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
    container = ServerContainer(core=core)
    [renderer] = container.renderers()
    assert isinstance(renderer, SubprocessRenderer)

    async with asyncio.timeout(60):
        with pytest.raises(WorkerUnavailable, match=r"cannot see.*7"):
            await reports_of(renderer, an_order())

    assert renderer.process_id is None, "the next order gets a new worker, which may see it"
    await container.fork_server().close()


def an_orphan(data_dir: Path) -> "subprocess.Popen[bytes]":
    """A worker in the middle of an order, stopped, whose server is gone."""
    worker = subprocess.Popen(
        worker_command(data_dir, **{"pipeline.card_step_s": 0.2}),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(wire.frame(wire.Render(an_order("gen_0", steps=60))))
    worker.stdin.flush()
    while not isinstance(answer_of(worker.stdout), wire.Step):
        pass
    worker.send_signal(signal.SIGSTOP)
    worker.stdin.close()
    worker.stdout.close()
    return worker


async def test_a_new_worker_waits_until_the_former_one_is_gone(tmp_path: Path) -> None:
    # After a kill -9 of the server the new worker shared the GPU with the old one, which was still in
    # its step: twice out of memory, and the job had failed.
    orphan = await asyncio.to_thread(an_orphan, tmp_path)
    renderer = SubprocessRenderer(worker_command(tmp_path))
    rendering = asyncio.create_task(reports_of(renderer, an_order()))
    begun, _ = await asyncio.wait([rendering], timeout=2)  # a card takes a tenth of it

    orphan.send_signal(signal.SIGCONT)

    assert not begun
    assert isinstance((await rendering)[-1], VideoStaged)
    assert orphan.poll() == 0, "it had ended, and saved its step, before"
    assert [path.name for path in (tmp_path / "resume").glob("gen_0*")]
    await renderer.close()


async def test_a_former_worker_that_does_not_end_is_told_with_its_process(tmp_path: Path) -> None:
    lock = DataDirectory(tmp_path).worker_lock(0)
    assert lock.take() is None
    renderer = SubprocessRenderer(worker_command(tmp_path, **{"watchdog.loading_s": 1}))

    with pytest.raises(WorkerUnavailable, match=rf"process {os.getpid()}\b.*Kill it"):
        await reports_of(renderer, an_order())

    lock.release()
    assert isinstance((await reports_of(renderer, an_order()))[-1], VideoStaged)
    await renderer.close()


async def test_workers_of_different_slots_work_side_by_side(tmp_path: Path) -> None:
    renderers = [SubprocessRenderer([*worker_command(tmp_path), slot]) for slot in ("0", "1")]

    for number, renderer in enumerate(renderers):
        reports = await reports_of(renderer, an_order(f"gen_{number}"))
        assert isinstance(reports[-1], VideoStaged)

    for renderer in renderers:
        await renderer.close()
