"""One video, here and now, without a queue."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from application.complete_draft import CompleteDraft
from application.render_video import RenderVideo
from application.upload_image import UploadImage
from application.upload_video import UploadVideo
from domain.clip import InputClip
from domain.errors import ImageUnusable, InvalidRequest, VideoUnusable, Violation
from domain.generation import GenerationDraft, GenerationRequest
from domain.hardware import Capacity
from domain.image import InputImage
from domain.memory_plan import MemoryPlan, plan_memory
from domain.ports.artifact_store import ArtifactStore
from domain.rendering import RenderOrder, Report
from domain.video import VideoFile


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedVideo:
    """The result and the recipe that makes it again."""

    request: GenerationRequest
    video: VideoFile
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenData:
    """Files as they were given, of which a draft's fields are to name the pictures and videos."""

    image: bytes | None = None
    last_image: bytes | None = None
    video: bytes | None = None
    control_video: bytes | None = None
    control_mask: bytes | None = None
    face_video: bytes | None = None
    references: tuple[bytes, ...] = ()


NO_DATA: Final = GivenData()


class GenerateOnce:
    """What a server does for a job, in this process; blocks until the file is published."""

    def __init__(
        self,
        complete: CompleteDraft,
        upload_image: UploadImage,
        upload_video: UploadVideo,
        render: Callable[[], RenderVideo],
        store: ArtifactStore,
        capacity: Callable[[], Capacity],
    ) -> None:
        """Takes `render` as a factory: a bad request is told before anything heavy is loaded."""
        self._complete = complete
        self._upload_image = upload_image
        self._upload_video = upload_video
        self._render = render
        self._store = store
        self._capacity = capacity

    def complete(
        self, draft: GenerationDraft, given: GivenData = NO_DATA
    ) -> tuple[GenerationRequest, MemoryPlan]:
        """The request that `draft` and these files mean, and its plan, or why it cannot be done.

        Raises:
            InvalidRequest, CheckpointUnavailable: it cannot be done, or a file is none that can be used.
            DoesNotFit: not with the memory of this machine.
        """
        image, video = self._upload_image.execute, self._upload_video.execute
        draft = replace(
            draft,
            image=_kept("image", given.image, image) or draft.image,
            last_image=_kept("last_image", given.last_image, image) or draft.last_image,
            video=_kept("video", given.video, video) or draft.video,
            control_video=_kept("control_video", given.control_video, video) or draft.control_video,
            control_mask=_kept("control_mask", given.control_mask, video) or draft.control_mask,
            face_video=_kept("face_video", given.face_video, video) or draft.face_video,
            references=tuple(
                kept
                for index, data in enumerate(given.references)
                if (kept := _kept(f"references/{index}", data, image))
            )
            or draft.references,
        )
        asked = self._complete.execute(draft)
        request, checkpoint = asked.request, asked.checkpoint
        capacity = self._capacity()
        plan = plan_memory(request, checkpoint.spec, checkpoint, capacity, loras=asked.loras)
        return request, plan

    def keep(self, data: bytes, *, is_clip: bool) -> str:
        """Keep a picture or a video for a draft to name. Returns its id.

        Raises:
            ImageUnusable, VideoUnusable: it is none.
        """
        return (self._upload_video if is_clip else self._upload_image).execute(data).id

    def execute(
        self, request: GenerationRequest, plan: MemoryPlan, report: Report, *, rung: int = 0
    ) -> GeneratedVideo:
        """Make the video. `rung`: see `RenderOrder`.

        Raises:
            RenderError, StorageError: it could not be made.
        """
        order = RenderOrder(
            job_id="once", fence=1, request=request, placement=plan.placement, rung=rung
        )
        video = self._render().execute(order, report)
        path = self._store.publish(order.job_id, order.fence, sha256=video.sha256)
        return GeneratedVideo(request=request, video=video, path=path)


def _kept(
    field: str, data: bytes | None, keep: Callable[[bytes], InputImage | InputClip]
) -> str | None:
    if data is None:
        return None
    try:
        return keep(data).id
    except (ImageUnusable, VideoUnusable) as error:
        violation = Violation(pointer=f"/{field}", reason=error.message.rstrip("."))
        raise InvalidRequest([violation]) from error
