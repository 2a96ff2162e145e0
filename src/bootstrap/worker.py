"""A worker process: `python -m bootstrap.worker SETTINGS`, the pipe on its standard streams."""

import signal
import sys

import msgspec

from adapters.subprocess.channel import WorkerChannel
from adapters.worker.loop import work
from bootstrap.core_container import CoreContainer
from bootstrap.logging import configure_logging
from bootstrap.render_container import render_container
from bootstrap.settings import Settings


def main() -> None:
    """Listen first, so that a cancel or the server's end is heard while the libraries load."""
    channel = WorkerChannel.over_standard_streams()
    settings = msgspec.json.decode(sys.argv[1], type=Settings)
    configure_logging(settings.log, process="worker")
    # A terminal's Ctrl-C and a supervisor's stop reach the whole group; the server decides when its
    # workers end, and closes their pipe.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    render = render_container(CoreContainer(settings=settings)).render_video()
    channel.ready()
    work(channel, render)


if __name__ == "__main__":
    main()
