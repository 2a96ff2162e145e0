"""How long work over files looks in a terminal: a bar where someone watches, plain lines in a log."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from domain.checkpoint_manifest import FilesProgress, Report


@contextmanager
def shown_files() -> Iterator[Report]:
    """A report that shows itself on standard error: a bar where someone watches, else one line a file."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _PlainLines()
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=None)

        def report(told: FilesProgress) -> None:
            bar.update(
                task,
                description=f"{told.doing} {told.name}",
                completed=told.done_bytes,
                total=told.total_bytes,
            )

        yield report


class _PlainLines:
    """A line for each file, and for each further tenth of the whole."""

    def __init__(self) -> None:
        self._last = ("", "", 0)

    def __call__(self, told: FilesProgress) -> None:
        share = told.done_bytes / told.total_bytes if told.total_bytes else 1.0
        now = (told.doing, told.name, int(share * 10))
        if now != self._last:
            self._last = now
            print(f"{share:4.0%}  {told.doing} {told.name}", file=sys.stderr, flush=True)


def gib(size_bytes: int) -> str:
    """The size in the largest unit it has at least one of, of those a disk is measured in."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size_bytes >= size:
            return f"{size_bytes / size:.1f} {unit}"
    return f"{size_bytes} B"
