"""Remove for good what was deleted long enough ago, and delete what was kept for long enough."""

import asyncio
import logging
from datetime import timedelta
from typing import Final

from domain.errors import StorageError
from domain.library import LibraryEntry, OutputState
from domain.library_errors import NotDeletable
from domain.ports.clock import Clock
from domain.ports.excerpt_store import ExcerptStore
from domain.ports.library import Library
from domain.ports.output_remover import OutputRemover

_log = logging.getLogger(__name__)

#: Seconds between looks: days are counted, so nobody notices.
INTERVAL_S: Final = 3600.0
_PAGE: Final = 50


class TidyLibrary:
    """Removal goes as publishing does: the intent is kept, the file goes, and that is kept. ADR-0038."""

    def __init__(
        self,
        library: Library,
        remover: OutputRemover,
        excerpts: ExcerptStore,
        clock: Clock,
        *,
        trash_days: int,
        keep_days: int | None,
    ) -> None:
        """Looks at nothing.

        Args:
            trash_days: for so long, what was deleted can be restored.
            keep_days: so long after it was made, a video is deleted, unless it is a favourite; None: never.
        """
        self._library = library
        self._remover = remover
        self._excerpts = excerpts
        self._clock = clock
        self._trash = timedelta(days=trash_days)
        self._keep = None if keep_days is None else timedelta(days=keep_days)

    @property
    def removes_at_once(self) -> bool:
        """Whether nothing that is deleted can be restored."""
        return not self._trash

    async def run(self) -> None:
        """Look again and again until cancelled; what fails is tried again at the next look."""
        while True:
            await self.execute()
            await asyncio.sleep(INTERVAL_S)

    async def execute(self) -> None:
        """Do all that is due, what a crash cut short first."""
        try:
            await self._remove_all(OutputState.REMOVING)
            if self._keep is not None:
                await self._delete_old(self._keep)
            await self._remove_all(OutputState.DELETED)
        except StorageError as error:
            _log.warning("not tidied", extra={"reason": error.message})

    async def remove(self, job_id: str) -> None:
        """Take away the file of a deleted video, and what was taken out of it.

        One that was restored meanwhile stays, and one without a video is nothing to do for.

        Raises:
            StorageError: it could not be removed; the next look tries again.
        """
        at = self._clock.now()
        try:
            entry = await self._library.update(job_id, lambda entry: entry.begin_removal(at=at))
        except NotDeletable:
            return
        await asyncio.to_thread(self._remove_files, entry)
        await self._library.update(job_id, lambda entry: entry.end_removal(at=at))
        _log.info("video removed", extra={"job_id": job_id})

    async def _remove_all(self, state: OutputState) -> None:
        """Those that have been in `state` for long enough; a removal that was begun has."""
        now = self._clock.now()
        before = now + timedelta.resolution if state is OutputState.REMOVING else now - self._trash
        while due := await self._library.in_state(state, before=before, limit=_PAGE):
            for entry in due:
                await self.remove(entry.job.id)

    async def _delete_old(self, keep: timedelta) -> None:
        now = self._clock.now()
        while old := await self._library.in_state(
            OutputState.KEPT, before=now - keep, but_favourites=True, limit=_PAGE
        ):
            for entry in old:
                await self._library.update(entry.job.id, lambda entry: entry.delete_video(at=now))
                _log.info("kept for long enough", extra={"job_id": entry.job.id})

    def _remove_files(self, entry: LibraryEntry) -> None:
        self._remover.remove(entry.job.id)
        if entry.job.video is not None:
            self._excerpts.forget(entry.job.video.sha256)
