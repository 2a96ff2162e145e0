"""Bring the files of a listing into a staging area: over cuts, and never a wrong byte."""

import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import Final, TypeAlias

from domain.checkpoint_manifest import FilesProgress, Report
from domain.errors import DiskFull
from domain.ports.checkpoint_store import Staging
from domain.ports.model_hub import ModelHub
from domain.repository import ListedFile, Listing
from domain.sizes import gib
from domain.store_errors import DownloadCorrupt, HubUnreachable

_log = logging.getLogger(__name__)

#: Tries in a row that bring no new byte, after which a transfer is given up.
_IDLE_TRIES: Final = 5
#: Times that a file may come whole and wrong.
_WRONG_TRIES: Final = 2
#: Seconds before the second of the idle tries; twice as long before each that follows.
_FIRST_WAIT_S: Final = 1.0

#: Told what is done with the file in hand, and how many of its bytes are here.
_Tell: TypeAlias = Callable[[str, int], None]


class FetchFiles:
    """Gets what is lacking, one file after another.

    Args:
        reserve_bytes: what must stay free on the disk, so that the rest of the program goes on.
    """

    def __init__(
        self, hub: ModelHub, *, reserve_bytes: int, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self._hub = hub
        self._reserve_bytes = reserve_bytes
        self._wait = wait

    def execute(self, listing: Listing, staging: Staging, report: Report) -> None:
        """Return once every file is settled. Ended early, it goes on from there another time.

        Raises:
            DiskFull: it does not fit; nothing was fetched.
            HubError: a file cannot be had, or not as it is listed.
        """
        lacking = staging.lacking()
        self._refuse_too_much(listing, lacking, staging)
        done = listing.size_bytes - sum(file.size_bytes for file in lacking)
        for file in lacking:
            self._fetch(listing, file, staging, _teller(report, file, done, listing.size_bytes))
            done += file.size_bytes

    def _refuse_too_much(
        self, listing: Listing, lacking: Sequence[ListedFile], staging: Staging
    ) -> None:
        needed = sum(max(0, file.size_bytes - staging.received_bytes(file)) for file in lacking)
        free = staging.free_bytes()
        if needed + self._reserve_bytes > free:
            raise DiskFull(
                f"{listing.repository} needs {gib(needed, up=True)} more on this disk, and {gib(self._reserve_bytes)} "
                f"must stay free; {gib(free)} are free. Free some space, or put models.dir on another disk.",
                lacking_bytes=needed + self._reserve_bytes - free,
            )

    def _fetch(self, listing: Listing, file: ListedFile, staging: Staging, tell: _Tell) -> None:
        idle = wrong = 0
        while True:
            before = staging.received_bytes(file)
            problem = self._receive(listing, file, staging, tell)
            received = staging.received_bytes(file)
            if received < file.size_bytes:
                idle = 0 if received > before else idle + 1
                self._rest_or_give_up(idle, problem, file)
                continue
            fault = staging.settle(file, lambda _count: tell("verifying", file.size_bytes))
            if fault is None:
                return
            wrong += 1
            _log.warning("a file came wrong", extra={"file": file.name, "fault": str(fault)})
            if wrong == _WRONG_TRIES:
                raise DownloadCorrupt(
                    f"{listing.repository} gave {fault} twice: nothing of it is used. Try again later."
                )

    def _receive(
        self, listing: Listing, file: ListedFile, staging: Staging, tell: _Tell
    ) -> HubUnreachable | None:
        """Take what comes in one go. Returns why it ended, where that is known."""
        start = staging.received_bytes(file)
        if start >= file.size_bytes:
            return None
        with closing(self._hub.read(listing, file.name, start)) as chunks:
            try:
                staging.receive(file, _until_whole(chunks, file, start, tell))
            except HubUnreachable as error:
                return error
        return None

    def _rest_or_give_up(self, idle: int, problem: HubUnreachable | None, file: ListedFile) -> None:
        if idle == _IDLE_TRIES:
            raise problem or HubUnreachable(f"The model hub ends {file.name} before its end.")
        if idle:
            self._wait(_FIRST_WAIT_S * 2 ** (idle - 1))


def _until_whole(
    chunks: Generator[bytes, None, None], file: ListedFile, start: int, tell: _Tell
) -> Iterator[bytes]:
    """The chunks, until they make as much as the file has; each told once it was taken."""
    received = start
    for chunk in chunks:
        received += len(chunk)
        yield chunk
        tell("downloading", received)
        if received >= file.size_bytes:
            return


def _teller(report: Report, file: ListedFile, before: int, total: int) -> _Tell:
    def tell(doing: str, here: int) -> None:
        done = before + min(here, file.size_bytes)
        report(FilesProgress(doing=doing, name=file.name, done_bytes=done, total_bytes=total))

    return tell
