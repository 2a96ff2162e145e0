"""Delete a video, or a generation with it, and change one's mind."""

import logging
from collections.abc import Callable

from application.own_library import OwnLibrary
from application.tidy_library import TidyLibrary
from domain.access import LOCAL, Caller
from domain.library import LibraryEntry
from domain.ports.clock import Clock
from domain.ports.library import Library

_log = logging.getLogger(__name__)


class DeleteGeneration:
    """What is deleted can be restored until housekeeping removes it: at once, where it keeps nothing."""

    def __init__(
        self, library: Library, tidy: TidyLibrary, clock: Clock, *, caller: Caller = LOCAL
    ) -> None:
        self._library = OwnLibrary(library, caller)
        self._tidy = tidy
        self._clock = clock

    async def video(self, job_id: str) -> LibraryEntry:
        """Delete the video; its generation stays listed.

        Raises:
            UnknownJob: there is none with that id.
            OutputMissing: it has no video.
        """
        at = self._clock.now()
        return await self._delete(job_id, lambda entry: entry.delete_video(at=at))

    async def generation(self, job_id: str) -> LibraryEntry:
        """Delete the generation, and its video where it has one.

        Raises:
            UnknownJob: there is none with that id.
            NotDeletable: it is not over.
        """
        at = self._clock.now()
        return await self._delete(job_id, lambda entry: entry.delete_generation(at=at))

    async def restore_video(self, job_id: str) -> LibraryEntry:
        """Undo the deletion of a video, or of its generation.

        Raises:
            UnknownJob: there is none with that id.
            NotRestorable: the file is gone, or going.
            OutputMissing: there never was one.
        """
        at = self._clock.now()
        return await self._restore(job_id, lambda entry: entry.restore_video(at=at))

    async def restore_generation(self, job_id: str) -> LibraryEntry:
        """List a generation again, with its video where that is not gone.

        Raises:
            UnknownJob: there is none with that id.
        """
        at = self._clock.now()
        return await self._restore(job_id, lambda entry: entry.restore_generation(at=at))

    async def _delete(self, job_id: str, change: Callable[[LibraryEntry], None]) -> LibraryEntry:
        await self._library.update(job_id, change)
        _log.info("deleted", extra={"job_id": job_id})
        if self._tidy.removes_at_once:
            await self._tidy.remove(job_id)
        return await self._library.get(job_id)

    async def _restore(self, job_id: str, change: Callable[[LibraryEntry], None]) -> LibraryEntry:
        entry = await self._library.update(job_id, change)
        _log.info("restored", extra={"job_id": job_id})
        return entry
