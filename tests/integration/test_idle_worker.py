"""What a worker does while it has no order."""

import ctypes
import subprocess
import sys
import time

import psutil
import pytest

from adapters.subprocess import wire
from adapters.system.heap import give_back_heap
from tests.ports.test_renderer import an_order

#: Tells of its pauses and orders on standard error.
WAITING = """
import sys
from functools import partial
from adapters.subprocess import channel
channel.IDLE_S = 0.05
tell = partial(print, file=sys.stderr, flush=True)
for order in channel.WorkerChannel.over_standard_streams().orders(lambda: tell("idle")):
    tell(order.job_id)
"""
BLOCK_BYTES = 32 * 1024
BLOCKS = 4096


def test_a_worker_is_idle_once_in_every_pause() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as worker:
        assert worker.stdin is not None
        assert worker.stderr is not None
        for job_id in ("gen_1", "gen_2"):
            assert worker.stderr.readline() == b"idle\n"
            worker.stdin.write(wire.frame(wire.Render(an_order(job_id))))
            worker.stdin.flush()
            assert worker.stderr.readline() == f"{job_id}\n".encode()
        time.sleep(0.2)
        worker.stdin.close()
        assert worker.stderr.read() == b"idle\n"


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="glibc's heap alone")
def test_what_was_freed_goes_back_to_the_system() -> None:
    def resident() -> int:
        return int(psutil.Process().memory_info().rss)

    blocks = [bytes(BLOCK_BYTES) for _ in range(BLOCKS)]
    for number in range(0, BLOCKS, 2):  # every other one stays: nothing can be given back by itself
        blocks[number] = b""
    before = resident()

    give_back_heap()

    assert before - resident() > BLOCKS // 2 * BLOCK_BYTES * 0.7
    assert len(blocks[1]) == BLOCK_BYTES
