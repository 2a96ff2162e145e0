"""One video, here and now, without a queue."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from application.complete_draft import CompleteDraft
from application.render_video import RenderVideo
from application.upload_image import UploadImage
from application.upload_video import UploadVideo
from domain.generation import GenerationDraft, GenerationRequest
from domain.ports.artifact_store import ArtifactStore
from domain.rendering import RenderOrder, Report
from domain.video import VideoFile


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedVideo:
    """The result and the recipe that makes it again."""

    request: GenerationRequest
    video: VideoFile
    path: Path


class GenerateOnce:
    """What a server does for a job, in this process; blocks until the file is published."""

    def __init__(
        self,
        complete: CompleteDraft,
        upload_image: UploadImage,
        upload_video: UploadVideo,
        render: Callable[[], RenderVideo],
        store: ArtifactStore,
    ) -> None:
        """Takes `render` as a factory: a bad request is told before anything heavy is loaded."""
        self._complete = complete
        self._upload_image = upload_image
        self._upload_video = upload_video
        self._render = render
        self._store = store

    def complete(
        self,
        draft: GenerationDraft,
        *,
        image: bytes | None = None,
        last_image: bytes | None = None,
        video: bytes | None = None,
    ) -> GenerationRequest:
        """The request that `draft` means together with these files, or why it cannot be done.

        Raises:
            InvalidRequest, ImageUnusable, VideoUnusable, UnknownCheckpoint, CheckpointUnavailable:
                it cannot be done.
        """
        if image is not None:
            draft = replace(draft, image=self._upload_image.execute(image).id)
        if last_image is not None:
            draft = replace(draft, last_image=self._upload_image.execute(last_image).id)
        if video is not None:
            draft = replace(draft, video=self._upload_video.execute(video).id)
        return self._complete.execute(draft)[0]

    def execute(self, request: GenerationRequest, report: Report) -> GeneratedVideo:
        """Make the video.

        Raises:
            RenderError, StorageError: it could not be made.
        """
        order = RenderOrder(job_id=_id_of(request), fence=1, request=request)
        video = self._render().execute(order, report)
        path = self._store.publish(order.job_id, order.fence, sha256=video.sha256)
        return GeneratedVideo(request=request, video=video, path=path)


def _id_of(request: GenerationRequest) -> str:
    """The same for the same request, so that the file with its recipe has the same bytes, too."""
    recipe = json.dumps(asdict(request), sort_keys=True)
    return f"once_{hashlib.sha256(recipe.encode()).hexdigest()[:32]}"
