"""Show a video without playing it: pictures of it, and how it was made. Taken out once, then remembered."""

import asyncio
import logging
from typing import Final

from domain.errors import OutputMissing, StorageError
from domain.excerpts import Excerpts, SheetLayout, sheet_layout
from domain.library import LibraryEntry
from domain.ports.artifact_store import ArtifactStore
from domain.ports.excerpt_maker import ExcerptMaker
from domain.ports.excerpt_store import ExcerptStore
from domain.video import VideoFile

_log = logging.getLogger(__name__)

#: Videos decoded at once, so that a gallery of new ones leaves the processors to whatever else runs.
AT_ONCE: Final = 2


class TakeExcerpts:
    """Each video is decoded once, however many ask at once; what could not be remembered is shown all the same."""

    def __init__(
        self,
        store: ArtifactStore,
        maker: ExcerptMaker,
        excerpts: ExcerptStore,
    ) -> None:
        self._store = store
        self._maker = maker
        self._excerpts = excerpts
        self._makings: dict[str, asyncio.Task[Excerpts]] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    async def execute(self, entry: LibraryEntry) -> Excerpts:
        """What is taken out of the entry's video, which may be deleted as long as it is not gone.

        Raises:
            OutputMissing: it has no video.
            VideoUnusable: its file is damaged.
        """
        entry.expect_video()
        video = video_of(entry)
        found = await asyncio.to_thread(self._excerpts.find, video.sha256)
        return found or await self._make(entry.job.id, video)

    async def _make(self, job_id: str, video: VideoFile) -> Excerpts:
        making = self._makings.get(video.sha256)
        if making is None:
            making = asyncio.create_task(self._make_and_keep(job_id, video))
            self._makings[video.sha256] = making
            making.add_done_callback(lambda _: self._makings.pop(video.sha256))
        return await asyncio.shield(making)  # others may wait for it, too

    async def _make_and_keep(self, job_id: str, video: VideoFile) -> Excerpts:
        async with self._room:
            path = await asyncio.to_thread(self._store.locate, job_id)
            made = await asyncio.to_thread(self._maker.make, path, layout_of(video))
        try:
            await asyncio.to_thread(self._excerpts.keep, video.sha256, made)
            await asyncio.to_thread(self._forget_if_gone, job_id, video)
        except StorageError as error:
            _log.warning("excerpts not kept", extra={"job_id": job_id, "reason": error.message})
        return made

    def _forget_if_gone(self, job_id: str, video: VideoFile) -> None:
        """A video that was removed while it was decoded leaves no pictures behind."""
        try:
            self._store.locate(job_id)
        except OutputMissing:
            self._excerpts.forget(video.sha256)
            raise


def video_of(entry: LibraryEntry) -> VideoFile:
    """What is known of the entry's file. Raises `OutputMissing` where nobody knows it."""
    if entry.job.video is None:
        raise OutputMissing
    return entry.job.video


def layout_of(video: VideoFile) -> SheetLayout:
    """How the frames of its spritesheet lie."""
    return sheet_layout(width=video.width, height=video.height, num_frames=video.num_frames)
