"""What workers are forked from: `python -m bootstrap.fork_server SETTINGS`.

It has loaded what a worker needs, holds no accelerator, and has one thread. The control socket is its standard
input.
"""

import gc
import logging
import os
import socket
import sys
from pathlib import Path
from typing import Final

import msgspec

from adapters.subprocess.forking import serve_forks
from adapters.system.heap import give_back_heap
from adapters.system.parent import end_with_parent
from bootstrap.logging import configure_logging
from bootstrap.process_environment import show_accelerator
from bootstrap.render_container import can_fork, load_libraries
from bootstrap.settings import Settings
from bootstrap.worker import be_the_first_to_go, carry_out_orders, leave_signals_to_server

_log = logging.getLogger(__name__)

_THREADS: Final = Path("/proc/self/task")


def main() -> None:
    """Load, then fork until the server is gone. A forked process goes on as a worker."""
    end_with_parent()
    leave_signals_to_server()
    be_the_first_to_go()
    told = sys.argv[1]
    settings = msgspec.json.decode(told, type=Settings)
    configure_logging(settings.log, process="forks")
    control = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    load_libraries(settings.pipeline.backend)
    if reason := _why_not(settings.pipeline.backend):
        _log.warning("workers are not forked, but started by themselves", extra={"reason": reason})
        sys.exit(1)
    # A collection would write into every object, and each worker would have its own copy of the page.
    gc.collect()
    gc.freeze()
    give_back_heap()
    if (arguments := serve_forks(control)) is not None:
        slot, accelerator, visible = arguments
        show_accelerator(visible)
        carry_out_orders(told, slot, accelerator)


def _why_not(backend: str) -> str | None:
    """What would not work in a process that is forked from this one; None where all will."""
    if not hasattr(os, "pidfd_open") or not _THREADS.is_dir():
        return "this system has no handles of processes (Linux 5.3)"
    if len(threads := [*_THREADS.iterdir()]) > 1:
        return f"a library has started threads ({len(threads)}), which a fork would lack"
    return None if can_fork(backend) else "a library has touched CUDA, which a fork could not use"


if __name__ == "__main__":
    main()
