"""A worker process: `python -m bootstrap.worker SETTINGS [SLOT [ACCELERATOR]]`.

The pipe is on its standard streams.
"""

import logging
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from adapters.filesystem.file_lock import FileLock
from adapters.subprocess.channel import MAX_ORPHAN_GRACE_S, WorkerChannel
from adapters.system.heap import give_back_heap
from adapters.worker.loop import work
from bootstrap.core_container import CoreContainer
from bootstrap.logging import configure_logging
from bootstrap.render_container import render_container
from bootstrap.settings import Settings
from domain.errors import WorkerUnavailable

_log = logging.getLogger(__name__)

#: Added to the badness by which Linux chooses whom to kill when memory runs out: -1000 to 1000.
_OOM_SCORE: Final = 800
#: Seconds to wait for the slot's former worker: twice what one without a server may take to end.
_PATIENCE_S: Final = 2 * MAX_ORPHAN_GRACE_S


def main() -> None:
    """A worker that was started by itself."""
    told, slot, accelerator = (*sys.argv[1:], "0", "")[:3]
    carry_out_orders(told, slot, accelerator)


def carry_out_orders(told: str, slot: str, accelerator: str) -> None:
    """Until the pipe on the standard streams closes.

    Listens first, so that a cancel or the server's end is heard while the libraries load.

    Args:
        told: the settings, as JSON.
        slot: its number.
        accelerator: the one that must be there; empty where any will do, or none.
    """
    channel = WorkerChannel.over_standard_streams()
    be_the_first_to_go()
    settings = msgspec.json.decode(told, type=Settings)
    configure_logging(settings.log, process="worker")
    leave_signals_to_server()
    try:
        core = CoreContainer(settings=settings)
        render = render_container(core, accelerator).measure_run()
        _be_alone(core.data_directory().worker_lock(int(slot)), settings)
    except WorkerUnavailable as error:
        _log.critical("cannot work", extra={"reason": error.message})
        channel.failed(error)
        sys.exit(1)
    channel.ready()
    work(channel, render, give_back_heap)


def _be_alone(lock: FileLock, settings: Settings) -> None:
    """Wait for the slot's former worker: one whose server was killed first ends and saves its step.

    Beside it, this one would find the accelerator's memory taken.

    Raises:
        WorkerUnavailable: it does not end.
    """
    if (former := lock.take()) is None:
        return
    _log.warning("waiting for the slot's former worker", extra={"process_id": former})
    if former := lock.take(patience_s=min(_PATIENCE_S, settings.watchdog.loading_s / 2)):
        raise WorkerUnavailable(
            f"The slot's former worker (process {former}) outlived its server, does not end, and may "
            "hold its GPU: nothing is started beside it. Kill it, or restart the machine."
        )


def leave_signals_to_server() -> None:
    """A terminal's Ctrl-C and a supervisor's stop reach the whole group; the server decides who ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def be_the_first_to_go() -> None:
    """Have Linux kill this process before the server: a worker can be replaced, and resumes."""
    with suppress(OSError):  # another system, or one that forbids it: then it chooses for itself
        Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE))


if __name__ == "__main__":
    main()
