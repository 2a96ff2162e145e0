"""Workers that die, hang, chatter, and outlive their server."""

import asyncio
import signal
import subprocess
import sys
import time
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from adapters.subprocess import wire
from adapters.subprocess.channel import ORPHAN_GRACE_S
from adapters.subprocess.renderer import SubprocessRenderer
from domain.errors import (
    RenderCancelled,
    StorageError,
    WorkerCrashed,
    WorkerUnavailable,
)
from domain.rendering import (
    VideoStaged,
)
from tests.e2e.service import is_gone
from tests.ports.test_renderer import an_order, order, reports_of, worker_command

pytestmark = pytest.mark.slow

#: A worker that answers each order with progress for ever, or as its argument says.
STUBBORN = """
import sys, time
from adapters.subprocess import wire
from domain.progress import Stage
from domain.rendering import StageEntered
def read():
    head = sys.stdin.buffer.read(wire.LENGTH_BYTES)
    return wire.decode_command(sys.stdin.buffer.read(wire.body_length(head)))
sys.stdout.buffer.write(wire.frame(wire.Ready()))
read()
sys.stdout.buffer.write(wire.frame(wire.Stage(StageEntered(stage=Stage.DENOISING))))
sys.stdout.buffer.flush()
{then}
"""


def a_worker(then: str, **options: float) -> SubprocessRenderer:
    return SubprocessRenderer([sys.executable, "-c", STUBBORN.format(then=then)], **options)


async def test_a_killed_worker_is_told_with_its_signal_and_replaced(tmp_path: Path) -> None:
    renderer = SubprocessRenderer(worker_command(tmp_path))
    with pytest.raises(WorkerCrashed, match="SIGKILL"):
        async with aclosing(renderer.render(order("long"))) as reports:
            await anext(reports)
            assert renderer.process_id is not None
            psutil.Process(renderer.process_id).send_signal(signal.SIGKILL)
            async for _report in reports:
                pass

    assert isinstance((await reports_of(renderer, an_order("gen_2")))[-1], VideoStaged)
    await renderer.close()
    assert renderer.process_id is None


async def test_a_worker_that_exits_is_told_with_its_code() -> None:
    renderer = a_worker("sys.exit(7)")

    with pytest.raises(WorkerCrashed, match="code 7"):
        await reports_of(renderer, an_order())
    await renderer.close()


async def test_a_worker_that_does_not_hear_a_cancel_is_killed_in_time() -> None:
    renderer = a_worker("time.sleep(600)", cancel_deadline_s=0.3)
    began = time.monotonic()

    with pytest.raises(RenderCancelled):
        async with aclosing(renderer.render(an_order())) as reports:
            async for _report in reports:
                await renderer.cancel("gen_1")

    assert 0.3 <= time.monotonic() - began < 20
    await renderer.close()


async def test_an_abandoned_run_leaves_no_process() -> None:
    renderer = a_worker("time.sleep(600)")
    async with aclosing(renderer.render(an_order())) as reports:
        await anext(reports)
        process = psutil.Process(renderer.process_id)

    assert is_gone(process)


async def test_what_libraries_print_does_not_reach_the_pipe(tmp_path: Path) -> None:
    code = (
        "import sys; from bootstrap import worker; from application.render_video import RenderVideo\n"
        "execute = RenderVideo.execute\n"
        "def chatty(*arguments):\n"
        "    print('progress bar 50%', flush=True)\n"
        "    import os; os.system('echo from a child')\n"
        "    return execute(*arguments)\n"
        "RenderVideo.execute = chatty\n"
        f"sys.argv[1:] = [{worker_command(tmp_path)[3]!r}]\n"
        "worker.main()"
    )
    renderer = SubprocessRenderer([sys.executable, "-c", code])

    assert isinstance((await reports_of(renderer, an_order()))[-1], VideoStaged)
    await renderer.close()


@pytest.mark.parametrize("busy", [False, True])
def test_a_worker_ends_when_its_server_is_gone(busy: bool, tmp_path: Path) -> None:
    worker = subprocess.Popen(
        worker_command(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    if busy:
        worker.stdin.write(wire.frame(wire.Render(order("long"))))
        worker.stdin.flush()
        worker.stdout.read(1)

    worker.stdin.close()
    worker.stdout.close()

    assert worker.wait(timeout=ORPHAN_GRACE_S + 5) == 0, "it stopped by itself"


async def test_a_worker_that_cannot_start_is_no_fault_of_the_order() -> None:
    renderer = SubprocessRenderer([sys.executable, "-c", "raise SystemExit(3)"])

    with pytest.raises(WorkerUnavailable, match="code 3 before it was ready"):
        await asyncio.wait_for(reports_of(renderer, an_order()), timeout=30)


def test_a_worker_that_does_not_notice_that_its_server_is_gone_ends_all_the_same() -> None:
    code = (
        "import time; from adapters.subprocess.channel import WorkerChannel\n"
        "for order in WorkerChannel.over_standard_streams().orders(print): time.sleep(600)"
    )
    worker = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    assert worker.stdin is not None
    worker.stdin.write(wire.frame(wire.Render(an_order())))
    began = time.monotonic()

    worker.stdin.close()

    assert worker.wait(timeout=ORPHAN_GRACE_S + 10) == 1
    assert time.monotonic() - began > ORPHAN_GRACE_S, "it had its time to stop by itself"


async def test_a_real_worker_that_fails_at_its_start_says_so_and_does_not_abort() -> None:
    # Its listening thread held the lock of standard input's buffer: Python aborted (SIGABRT) at exit.
    renderer = SubprocessRenderer([sys.executable, "-m", "bootstrap.worker", "{}"])

    with pytest.raises(WorkerUnavailable, match="exited with code 1"):
        await asyncio.wait_for(reports_of(renderer, an_order()), timeout=30)


async def test_a_worker_that_dies_between_two_orders_is_replaced(tmp_path: Path) -> None:
    renderer = SubprocessRenderer(worker_command(tmp_path))
    await reports_of(renderer, an_order())
    process_id = renderer.process_id
    assert process_id is not None

    psutil.Process(process_id).kill()
    while renderer.process_id is not None:
        await asyncio.sleep(0.01)

    assert isinstance((await reports_of(renderer, an_order("gen_2")))[-1], VideoStaged)
    await renderer.close()


async def test_the_worker_is_kept_between_orders(tmp_path: Path) -> None:
    renderer = SubprocessRenderer(worker_command(tmp_path))

    await reports_of(renderer, an_order())
    first = renderer.process_id

    await reports_of(renderer, an_order("gen_2"))

    assert renderer.process_id == first
    await renderer.close()


async def test_a_storage_error_keeps_its_code_over_the_pipe(tmp_path: Path) -> None:
    # `storage` belongs to a class with children, and used to arrive as `internal`: not to be retried.
    (tmp_path / "staging").write_bytes(b"not a folder")
    renderer = SubprocessRenderer(worker_command(tmp_path))

    with pytest.raises(StorageError) as caught:
        await reports_of(renderer, an_order())

    assert (caught.value.code, caught.value.retryable) == ("storage", True)
    await renderer.close()


async def test_a_cancel_after_the_last_report_does_not_kill_the_worker(tmp_path: Path) -> None:
    # Publishing a large file takes longer than the deadline: the idle worker was killed meanwhile.
    renderer = SubprocessRenderer(worker_command(tmp_path), cancel_deadline_s=0.05)
    async with aclosing(renderer.render(an_order())) as reports:
        async for report in reports:
            if isinstance(report, VideoStaged):
                await renderer.cancel("gen_1")
                await asyncio.sleep(0.3)

    assert renderer.process_id is not None
    await renderer.close()


async def test_a_program_that_is_not_there_is_no_fault_of_the_order() -> None:
    with pytest.raises(WorkerUnavailable, match="No such file"):
        await reports_of(SubprocessRenderer(["/nowhere/python"]), an_order())


async def test_cancelling_when_the_worker_has_just_died_is_quiet(tmp_path: Path) -> None:
    # The cancel itself raised, and its user saw an internal error.
    renderer = SubprocessRenderer(worker_command(tmp_path))

    with pytest.raises((RenderCancelled, WorkerCrashed)):
        async with aclosing(renderer.render(order("long"))) as reports:
            await anext(reports)
            assert renderer.process_id is not None
            psutil.Process(renderer.process_id).send_signal(signal.SIGKILL)
            await asyncio.sleep(0.1)
            await renderer.cancel("gen_1")
            async for _report in reports:
                pass
    await renderer.close()


async def test_a_cancel_while_the_worker_still_loads_is_not_lost() -> None:
    slow = "import time; time.sleep(0.5)\n" + STUBBORN.format(then="time.sleep(600)")
    renderer = SubprocessRenderer([sys.executable, "-c", slow], cancel_deadline_s=0.3)

    run = asyncio.create_task(reports_of(renderer, an_order()))
    await asyncio.sleep(0)
    await renderer.cancel("gen_1")

    with pytest.raises(RenderCancelled):
        await asyncio.wait_for(run, timeout=20)
    await renderer.close()


def test_a_worker_outlives_the_signals_of_its_group(tmp_path: Path) -> None:
    # A supervisor stops the whole group; the worker died first, and its job was charged with it.
    worker = subprocess.Popen(
        worker_command(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdout.read(1)  # it is ready

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        worker.send_signal(number)
    worker.stdin.write(wire.frame(wire.Render(an_order())))
    worker.stdin.flush()

    assert worker.stdout.read(200)
    worker.stdin.close()
    worker.stdout.close()
    assert worker.wait(timeout=30) == 0
