"""The preloaded process: what it forks, what its own death means, and that nothing outlives the server."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import psutil
import pytest

from adapters.subprocess.fork_server import ForkServer
from adapters.subprocess.forked_process import UNSEEN, ForkedProcess
from adapters.subprocess.renderer import SubprocessRenderer
from bootstrap.process_environment import worker_environment
from domain.errors import RenderCancelled, WorkerCrashed, WorkerUnavailable
from domain.rendering import VideoStaged
from tests.e2e.service import is_gone, wait_for
from tests.ports.test_renderer import an_order, order, reports_of, worker_command

pytestmark = pytest.mark.slow

#: Forks of this do what its argument says, with nothing loaded.
BARE = """
import json, os, socket, sys, time
from adapters.subprocess.forking import serve_forks
{before}
control = socket.socket(fileno=os.dup(0))
arguments = serve_forks(control)
if arguments is not None:
    exec(arguments[0])
"""
NO_FORK = """
def no_process_is_to_be_had():
    raise BlockingIOError
os.fork = no_process_is_to_be_had
"""
#: The real one, but for its workers: each tells what it finds, as JSON.
TELLING = """
import json, os, sys
from bootstrap import fork_server
def tell(told, slot, accelerator):
    found = {{"slot": slot, "accelerator": accelerator, "environment": dict(os.environ)}}
    {also}
    print(json.dumps(found), flush=True)
fork_server.carry_out_orders = tell
fork_server.main()
"""

#: A server whose fork server, the real one, never gets beyond loading.
SERVING = """
import asyncio, sys
from adapters.subprocess.fork_server import ForkServer
loading = "import time; from bootstrap import fork_server; " \\
    "fork_server.load_libraries = lambda backend: time.sleep(600); fork_server.main()"
async def serve():
    fork_server = ForkServer([sys.executable, "-c", loading, sys.argv[1]])
    await fork_server.start()
    print(fork_server.process_id, flush=True)
    await fork_server.fork(("0", "", ""))
asyncio.run(serve())
"""

Started: TypeAlias = Callable[..., ForkServer]


@pytest.fixture
async def started() -> AsyncIterator[Started]:
    """Makes fork servers with a worker's environment that are closed after the test, leaving no process."""
    made: list[ForkServer] = []
    others = {*psutil.Process().children(recursive=True)}  # of other tests, on this very worker

    def make(*command: str, **more: str) -> ForkServer:
        environment = {**worker_environment(None), **more}
        made.append(ForkServer([sys.executable, *command], environment=environment))
        return made[-1]

    yield make
    for fork_server in made:
        await fork_server.close()
    assert not {*psutil.Process().children(recursive=True)} - others


def forking_command(data_dir: Path) -> list[str]:
    return ["-m", "bootstrap.fork_server", worker_command(data_dir)[3]]


def renderer_of(fork_server: ForkServer, data_dir: Path, **options: float) -> SubprocessRenderer:
    fork = partial(fork_server.fork, ("0", "", ""))
    return SubprocessRenderer(worker_command(data_dir), fork=fork, **options)


def parent_of(process_id: int | None) -> int:
    return psutil.Process(process_id).ppid()


async def until(there: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not there():
            await asyncio.sleep(0.01)


async def test_a_killed_worker_is_told_with_its_signal_and_another_is_forked(
    started: Started, tmp_path: Path
) -> None:
    fork_server = started(*forking_command(tmp_path))
    renderer = renderer_of(fork_server, tmp_path)
    with pytest.raises(WorkerCrashed, match="SIGKILL"):
        async with aclosing(renderer.render(order("long"))) as reports:
            await anext(reports)
            assert parent_of(renderer.process_id) == fork_server.process_id
            os.kill(renderer.process_id or 0, signal.SIGKILL)
            async for _report in reports:
                pass

    assert isinstance((await reports_of(renderer, an_order("gen_2")))[-1], VideoStaged)
    assert parent_of(renderer.process_id) == fork_server.process_id
    await renderer.close()


@pytest.mark.parametrize(
    ("deed", "status"),
    [("sys.exit(7)", 7), ("1 / 0", 1), ("pass", 0), ("os.kill(os.getpid(), 9)", -9)],
)
async def test_how_a_fork_ends_is_told(deed: str, status: int, started: Started) -> None:
    forked = await started("-c", BARE.format(before="")).fork([deed])

    assert forked is not None
    assert await forked.wait() == status
    assert forked.returncode == status
    forked.kill()  # nothing happens


async def test_a_killed_fork_server_takes_no_worker_with_it_and_is_started_anew(
    started: Started, tmp_path: Path
) -> None:
    fork_server = started(*forking_command(tmp_path))
    renderer = renderer_of(fork_server, tmp_path)
    async with aclosing(renderer.render(order("good"))) as reports:
        await anext(reports)
        worker, former = renderer.process_id, fork_server.process_id
        os.kill(former or 0, signal.SIGKILL)
        told = [report async for report in reports]
    assert isinstance(told[-1], VideoStaged)
    assert renderer.process_id == worker, "it waits for another order"
    await until(lambda: fork_server.process_id is None)

    os.kill(worker or 0, signal.SIGKILL)
    await until(lambda: renderer.process_id is None)
    assert isinstance((await reports_of(renderer, an_order("gen_2")))[-1], VideoStaged)

    assert fork_server.process_id not in {None, former}
    assert parent_of(renderer.process_id) == fork_server.process_id
    await renderer.close()


async def test_the_end_that_nobody_saw_is_told_as_such(started: Started) -> None:
    fork_server = started("-c", BARE.format(before=""))
    forked = await fork_server.fork(["time.sleep(600)"])
    assert forked is not None
    os.kill(fork_server.process_id or 0, signal.SIGKILL)
    await until(lambda: fork_server.process_id is None)
    renderer = SubprocessRenderer(["/nowhere"], fork=lambda: _given(forked))

    rendering = asyncio.create_task(reports_of(renderer, an_order()))
    await until(lambda: renderer.process_id == forked.pid)
    os.kill(forked.pid, signal.SIGKILL)

    with pytest.raises(WorkerUnavailable, match="ended unseen"):
        await rendering


async def test_a_fork_server_that_dies_before_it_answers_is_not_waited_for(
    started: Started,
) -> None:
    # A worker that had kept its end of the control socket would keep the request in it, for ever.
    fork_server = started("-c", BARE.format(before=""))
    worker = await fork_server.fork(["time.sleep(600)"])
    assert worker is not None

    os.kill(fork_server.process_id or 0, signal.SIGKILL)
    async with asyncio.timeout(20):
        assert await fork_server.fork(["pass"]) is None

    worker.kill()
    assert await worker.wait() == UNSEEN


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["-c", "raise SystemExit(1)"], id="cannot load"),
        pytest.param(["-c", "import os; os.kill(os.getpid(), 9)"], id="is killed while it loads"),
        pytest.param(["-c", BARE.format(before=NO_FORK)], id="cannot fork"),
    ],
)
async def test_a_worker_that_cannot_be_forked_is_started_by_itself(
    command: list[str], started: Started, tmp_path: Path
) -> None:
    renderer = renderer_of(started(*command), tmp_path)

    assert isinstance((await reports_of(renderer, an_order()))[-1], VideoStaged)

    assert parent_of(renderer.process_id) == os.getpid()
    await renderer.close()


async def test_without_its_program_workers_are_started_by_themselves(tmp_path: Path) -> None:
    renderer = renderer_of(ForkServer(["/nowhere/python"]), tmp_path)

    assert isinstance((await reports_of(renderer, an_order()))[-1], VideoStaged)
    await renderer.close()


async def test_a_library_with_threads_is_not_forked(
    started: Started, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    )
    path = f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"
    command = worker_command(tmp_path, **{"log.level": "WARNING"})
    fork_server = started("-m", "bootstrap.fork_server", command[3], PYTHONPATH=path)

    assert await fork_server.fork(("0", "", "")) is None
    await until(lambda: fork_server.process_id is None)
    assert "a library has started threads (2)" in capfd.readouterr().err
    await fork_server.start()

    assert fork_server.process_id is None, "it would find the same again"


async def test_a_cancel_does_not_wait_for_a_fork_server_that_hangs(
    started: Started, tmp_path: Path
) -> None:
    fork_server = started(*forking_command(tmp_path))
    renderer = renderer_of(fork_server, tmp_path, cancel_deadline_s=0.2)
    await fork_server.start()
    os.kill(former := fork_server.process_id or 0, signal.SIGSTOP)
    rendering = asyncio.create_task(reports_of(renderer, an_order()))
    await asyncio.sleep(0.1)
    began = time.monotonic()

    await renderer.cancel("gen_1")
    with pytest.raises(RenderCancelled):
        await rendering

    assert 0.2 <= time.monotonic() - began < 10
    assert isinstance((await reports_of(renderer, an_order("gen_2")))[-1], VideoStaged)
    assert fork_server.process_id != former, "nobody waits for that one again"
    await renderer.close()


@pytest.mark.parametrize("way", ["closed", "abandoned"])
async def test_who_does_not_wait_for_a_fork_leaves_none(
    way: str, started: Started, tmp_path: Path
) -> None:
    fork_server = started(*forking_command(tmp_path))
    renderer = renderer_of(fork_server, tmp_path)
    rendering = asyncio.create_task(reports_of(renderer, an_order()))
    await until(lambda: fork_server.process_id is not None)  # it loads

    if way == "closed":
        await renderer.close()
        with pytest.raises(WorkerUnavailable, match="before it had started"):
            await rendering
    else:
        rendering.cancel()
        await asyncio.wait([rendering])

    await until(lambda: fork_server.process_id is None)
    assert renderer.process_id is None


def test_a_fork_server_that_still_loads_ends_with_its_server(tmp_path: Path) -> None:
    settings = worker_command(tmp_path)[3]
    with subprocess.Popen(
        [sys.executable, "-c", SERVING, settings], stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        fork_server = psutil.Process(int(server.stdout.readline()))
        wait_for(lambda: _ignores(fork_server, signal.SIGHUP), seconds=20)  # it has begun to load

        server.kill()

    wait_for(lambda: is_gone(fork_server), seconds=5)


async def test_a_fork_server_outlives_the_signals_of_its_group(
    started: Started, tmp_path: Path
) -> None:
    fork_server = started(*forking_command(tmp_path))
    renderer = renderer_of(fork_server, tmp_path)
    await reports_of(renderer, an_order())
    process_id = fork_server.process_id or 0

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(process_id, number)
    await renderer.close()

    assert isinstance((await reports_of(renderer, an_order("gen_2")))[-1], VideoStaged)
    assert fork_server.process_id == process_id
    await renderer.close()


async def test_a_fork_finds_its_environment(started: Started, tmp_path: Path) -> None:
    command = worker_command(tmp_path)
    fork_server = started(
        "-c", TELLING.format(also=""), command[3], CUDA_VISIBLE_DEVICES="0", WAN_X="canary"
    )

    found = await told_by(fork_server, ("3", "GPU-1", "GPU-1"))
    other = await told_by(fork_server, ("4", "", ""))

    assert (found["slot"], found["accelerator"]) == ("3", "GPU-1")
    expected = {**worker_environment("GPU-1"), "WAN_X": "canary"}
    assert {**found["environment"], "LC_CTYPE": ""} == {**expected, "LC_CTYPE": ""}
    assert other["environment"]["CUDA_VISIBLE_DEVICES"] == "0", "each fork has its own"


async def test_torch_is_loaded_and_whole_in_a_fork(started: Started, tmp_path: Path) -> None:
    also = """
    import torch
    from adapters.diffusers.accelerator import survives_forks
    found["threads"] = torch.get_num_threads()
    found["sum"] = float((torch.ones(512, 512) @ torch.ones(512, 512)).sum())
    found["survives"] = survives_forks()
    torch.cuda._is_in_bad_fork = lambda: True
    found["would survive"] = survives_forks()
    """
    command = worker_command(tmp_path, **{"pipeline.backend": "diffusers"})
    fork_server = started("-c", TELLING.format(also=also), command[3], OMP_NUM_THREADS="1")

    found = await told_by(fork_server, ("0", "", ""))

    assert found["threads"] == 1
    assert found["sum"] == 512**3
    assert (found["survives"], found["would survive"]) == (True, False)


def _ignores(process: psutil.Process, number: int) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    (ignored,) = (line for line in status.splitlines() if line.startswith("SigIgn:"))
    return bool(int(ignored.split()[1], 16) >> (number - 1) & 1)


async def told_by(fork_server: ForkServer, arguments: tuple[str, ...]) -> dict[str, Any]:
    forked = await fork_server.fork(arguments)
    assert forked is not None
    told = await forked.stdout.read()
    assert await forked.wait() == 0
    return dict(json.loads(told))


async def _given(forked: ForkedProcess) -> ForkedProcess:
    return forked
