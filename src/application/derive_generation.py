"""Turn a video that is there into what asks for another: in other words, made anew, or going on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from application.browse_library import BrowseLibrary
from application.upload_image import UploadImage
from application.upload_video import UploadVideo
from domain.checkpoint import CheckpointSpec, chosen_checkpoint
from domain.clip import InputClip, last_frame
from domain.derivation import Derivation, edited, extended, remixed
from domain.errors import NotCompleted
from domain.generation import GenerationDraft, nearest_frame_counts
from domain.job import Job
from domain.job_event import JobStatus
from domain.ports.image_store import ImageStore

#: A generation's id, or a video's file.
Source: TypeAlias = str | bytes
#: What a client says, once it is known which checkpoint the source is of; None where it is a file.
SaidFor: TypeAlias = Callable[[str | None], GenerationDraft]


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """What to submit. `made_from`, `made_as`: None where it comes of a file that somebody sent."""

    draft: GenerationDraft
    made_from: str | None = None
    made_as: Derivation | None = None


class DeriveGeneration:
    """Takes over what the source says; what a client says wins. Nothing is submitted yet.

    Where a video is taken, it is the file that was made: what others see of it is what the next begins with.
    """

    def __init__(
        self,
        browse: BrowseLibrary,
        upload_image: UploadImage,
        upload_video: UploadVideo,
        images: ImageStore,
    ) -> None:
        self._browse = browse
        self._upload_image = upload_image
        self._upload_video = upload_video
        self._images = images

    async def remix(self, job_id: str, said: SaidFor) -> Derived:
        """The same in other words. It need not have completed: only what was asked counts.

        Raises:
            UnknownJob: there is none with that id.
        """
        job = (await self._browse.generation(job_id)).job
        draft = remixed(job.request, said(job.request.checkpoint))
        return Derived(draft=draft, made_from=job.id, made_as=Derivation.REMIX)

    async def edit(self, source: Source, said: SaidFor) -> Derived:
        """Its video made anew, as long as it is.

        Raises:
            UnknownJob: there is none with that id.
            NotCompleted, OutputMissing: it has no video.
            VideoUnusable: what was sent is no video that can be taken.
            InvalidRequest: no checkpoint has the name that was said.
            DiskFull: its frames cannot be kept.
        """
        job, clip = await self._frames(source)
        told = said(job.request.checkpoint if job else None)
        if job is None:
            frames = told.num_frames or _frames_within(clip, chosen_checkpoint(told.checkpoint))
            draft = replace(_of_its_size(told, clip), video=clip.id, num_frames=frames)
            return Derived(draft=draft)
        draft = edited(job.request, told, clip_id=clip.id)
        return Derived(draft=draft, made_from=job.id, made_as=Derivation.EDIT)

    async def extend(self, source: Source, said: SaidFor) -> Derived:
        """A video that begins with the last frame of its own.

        Raises:
            UnknownJob: there is none with that id.
            NotCompleted, OutputMissing: it has no video.
            VideoUnusable: what was sent is no video that can be taken.
            DiskFull: its frames cannot be kept.
        """
        job, clip = await self._frames(source)
        told = said(job.request.checkpoint if job else None)
        image = await asyncio.to_thread(self._keep_last_frame, clip)
        if job is None:
            draft = replace(_of_its_size(told, clip), image=image)
            return Derived(draft=draft)
        draft = extended(job.request, told, image_id=image)
        return Derived(draft=draft, made_from=job.id, made_as=Derivation.EXTENSION)

    async def _frames(self, source: Source) -> tuple[Job | None, InputClip]:
        if isinstance(source, bytes):
            return None, await asyncio.to_thread(self._upload_video.execute, source)
        job = (await self._browse.generation(source)).job
        if job.status is not JobStatus.COMPLETED:
            raise NotCompleted(f"The generation has no video: it is {job.status}.")
        _, path = await self._browse.video(source)
        return job, await asyncio.to_thread(self._take, path)

    def _take(self, path: Path) -> InputClip:
        return self._upload_video.execute(path.read_bytes())

    def _keep_last_frame(self, clip: InputClip) -> str:
        return self._upload_image.execute(last_frame(self._images.locate_clip(clip.id))).id


def _of_its_size(said: GenerationDraft, clip: InputClip) -> GenerationDraft:
    return replace(said, width=said.width or clip.width, height=said.height or clip.height)


def _frames_within(clip: InputClip, spec: CheckpointSpec) -> int:
    """The most frames that `spec` makes and the clip fills."""
    most = min(clip.length_at(spec.defaults.fps), spec.max_frames)
    below, *_ = nearest_frame_counts(most, spec.geometry.temporal_stride)
    return below
