"""Workers that are suspended, orphaned, out of memory, or not to be killed."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import IO

import psutil
import pytest

from adapters.pyav.video_encoder import PyAvVideoEncoder
from adapters.subprocess import wire
from adapters.subprocess.channel import ORPHAN_GRACE_S, _StepTime
from adapters.subprocess.renderer import SubprocessRenderer
from domain.errors import (
    AcceleratorFault,
    DomainError,
    OutOfAcceleratorMemory,
    RenderCancelled,
    RenderSuspended,
    WorkerCrashed,
    WorkerUnavailable,
)
from domain.progress import Stage
from domain.rendering import (
    RenderReport,
    Resumed,
    ResumePointSaved,
    StageEntered,
    StepFinished,
    StillRunning,
    VideoStaged,
)
from tests.e2e.service import is_gone
from tests.integration.test_subprocess_renderer import a_worker
from tests.ports.test_renderer import an_order, reports_of, worker_command

pytestmark = pytest.mark.slow

#: A real worker whose steps take their time, so that a test can act between two of them.
SLOW = """
import sys, msgspec
from dependency_injector import providers
from adapters.subprocess.channel import WorkerChannel
from adapters.synthetic.video_pipeline import SyntheticVideoPipeline
from adapters.worker.loop import work
from bootstrap.core_container import CoreContainer
from bootstrap.render_container import render_container
from bootstrap.settings import Settings
channel = WorkerChannel.over_standard_streams()
container = render_container(
    CoreContainer(settings=msgspec.json.decode(sys.argv[1], type=Settings))
)
container.pipeline.override(providers.Object(SyntheticVideoPipeline(seconds_per_step=0.15)))
channel.ready()
work(channel, container.render_video())
"""


def a_slow_command(data_dir: Path, **settings: int) -> list[str]:
    return [sys.executable, "-c", SLOW, worker_command(data_dir, **settings)[3]]


def steps_of(reports: list[RenderReport]) -> list[int]:
    return [told.step for told in reports if isinstance(told, StepFinished)]


async def reports_until(
    run: AsyncGenerator[RenderReport, None], last: RenderReport
) -> list[RenderReport]:
    reports = []
    async for report in run:
        reports.append(report)
        if report == last:
            break
    return reports


async def test_a_suspended_run_loses_no_step_and_goes_on_in_another_worker(tmp_path: Path) -> None:
    long = an_order(steps=30)
    renderer, heard = SubprocessRenderer(a_slow_command(tmp_path)), list[RenderReport]()
    with pytest.raises(RenderSuspended):
        async for report in renderer.render(long):
            heard.append(report)
            if report == StepFinished(step=2):
                await renderer.suspend("gen_1")
    last = steps_of(heard)[-1]
    assert heard[-2:] == [ResumePointSaved(step=last), StepFinished(step=last)]
    assert last <= 4, "it left at the next step"
    assert renderer.process_id is not None, "the worker is ready for another job"
    await renderer.close()

    another = SubprocessRenderer(a_slow_command(tmp_path))
    after = await reports_of(another, replace(long, fence=2))

    assert after[0] == Resumed(step=last)
    assert steps_of(after) == list(range(last + 1, 31))
    assert isinstance(after[-1], VideoStaged)
    await another.close()


async def test_a_killed_worker_costs_at_most_one_interval(tmp_path: Path) -> None:
    renderer = SubprocessRenderer(a_slow_command(tmp_path, **{"resume.interval": 1}))
    long = an_order(steps=8)
    with pytest.raises(WorkerCrashed):
        async with aclosing(renderer.render(long)) as run:
            await reports_until(run, StepFinished(step=3))
            assert renderer.process_id is not None
            psutil.Process(renderer.process_id).kill()
            await reports_until(run, StepFinished(step=8))

    after = await reports_of(renderer, replace(long, fence=2))

    assert isinstance(after[0], Resumed)
    assert after[0].step >= 3
    assert isinstance(after[-1], VideoStaged)
    await renderer.close()


def test_a_worker_whose_server_is_gone_saves_its_step_and_ends(tmp_path: Path) -> None:
    # It used to end in the middle of the step, and all of the run was lost.
    worker = subprocess.Popen(
        a_slow_command(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(wire.frame(wire.Render(an_order(steps=60))))
    worker.stdin.flush()
    while not isinstance(answer_of(worker.stdout), wire.Step):
        pass

    worker.stdin.close()
    worker.stdout.close()

    assert worker.wait(timeout=ORPHAN_GRACE_S + 5) == 0, "it stopped by itself"
    assert [path.name for path in (tmp_path / "resume").iterdir()] == ["gen_1.1.resume"]
    assert not list((tmp_path / "staging").iterdir())


@pytest.mark.parametrize(
    ("steps_s", "grace_s"),
    [([], 5.0), ([1.0], 5.0), ([10.0, 4.0], 10.0), ([20.0], 42.0), ([300.0], 60.0)],
)
def test_an_orphan_has_time_for_its_step_but_not_for_ever(
    steps_s: list[float], grace_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    pace = _StepTime()
    pace.follow(StageEntered(stage=Stage.DENOISING))
    for number, seconds in enumerate(steps_s, start=1):
        now += seconds
        pace.follow(StillRunning())
        pace.follow(StepFinished(step=number))

    assert pace.orphan_grace_s == grace_s
    pace.follow(StageEntered(stage=Stage.DECODING))
    assert pace.orphan_grace_s == ORPHAN_GRACE_S


@pytest.mark.parametrize("error", [OutOfAcceleratorMemory, AcceleratorFault])
async def test_after_an_accelerators_failure_the_next_order_gets_a_new_worker(
    error: type[DomainError],
) -> None:
    # What is left of its memory lies in pieces, or its context is lost: a smaller order failed, too.
    told = f"wire.Failed('{error.code}', 'It broke.')"
    renderer = a_worker(
        f"sys.stdout.buffer.write(wire.frame({told})); sys.stdout.flush(); time.sleep(600)"
    )

    with pytest.raises(error, match="It broke"):
        await reports_of(renderer, an_order())

    assert renderer.process_id is None


async def test_the_rung_of_an_order_reaches_the_worker(tmp_path: Path) -> None:
    renderer = SubprocessRenderer(worker_command(tmp_path))

    await reports_of(renderer, replace(an_order(), rung=1))

    [staged] = (tmp_path / "staging").iterdir()
    recipe = json.loads(PyAvVideoEncoder().probe(staged).metadata["comment"])
    assert recipe["memory_rung"] == 1
    await renderer.close()


async def test_beside_a_worker_that_cannot_be_killed_no_other_is_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # In a driver's wait a process ignores even SIGKILL, and keeps its GPU. Here: the kill does nothing.
    monkeypatch.setattr(asyncio.subprocess.Process, "kill", lambda _self: None)
    renderer = a_worker("time.sleep(600)", cancel_deadline_s=0.1, kill_grace_s=0.2)

    with pytest.raises(RenderCancelled):
        async for _report in renderer.render(an_order()):
            process = psutil.Process(renderer.process_id)
            await renderer.cancel("gen_1")
    with pytest.raises(WorkerUnavailable, match=f"{process.pid} was killed, but hangs"):
        await reports_of(renderer, an_order("gen_2"))

    monkeypatch.undo()
    process.kill()
    while not is_gone(process):
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)  # asyncio hears of it
    run = renderer.render(an_order("gen_3"))
    assert isinstance(await anext(run), StageEntered)
    await run.aclose()
    await renderer.close()


async def test_linux_would_rather_kill_a_worker_than_the_server(tmp_path: Path) -> None:
    renderer = SubprocessRenderer(worker_command(tmp_path))
    await reports_of(renderer, an_order())

    score = Path(f"/proc/{renderer.process_id}/oom_score_adj")
    assert (await asyncio.to_thread(score.read_text)).strip() == "800"
    await renderer.close()


def answer_of(stream: IO[bytes]) -> wire.Answer:
    answer: wire.Answer = wire.decode_answer(
        stream.read(wire.body_length(stream.read(wire.LENGTH_BYTES)))
    )
    return answer
