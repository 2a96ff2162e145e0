"""Take a video that later generations are made from."""

import logging

from application.disk_gate import DiskGate
from application.own_uploads import OwnUploads
from domain.clip import InputClip, read_clip
from domain.errors import VideoUnusable
from domain.image import is_picture
from domain.ports.clip_reader import ClipReader
from domain.ports.image_store import ImageStore

_log = logging.getLogger(__name__)


class UploadVideo:
    """Keeps the frames, never the file they came in."""

    def __init__(
        self,
        reader: ClipReader,
        images: ImageStore,
        gate: DiskGate | None = None,
        *,
        uploads: OwnUploads | None = None,
    ) -> None:
        """Without a `gate`, whatever there is room for is kept; without `uploads`, it is nobody's own."""
        self._uploads = uploads
        self._reader = reader
        self._images = images
        self._gate = gate

    def execute(self, data: bytes) -> InputClip:
        """The clip, durable under its id; the same video again is the same clip. Blocks.

        Raises:
            VideoUnusable: it is not a video that can be used.
            DiskFull: it cannot be kept.
        """
        if self._gate is not None:
            self._gate.refuse_if_full()
        if is_picture(data):
            raise VideoUnusable(
                "This is a picture, and a video is wanted here: MP4, MOV, Matroska, WebM."
            )
        staged = self._images.stage_clip()
        try:
            self._reader.to_clip(data, staged)
            clip_id = self._images.keep_clip(staged)
        finally:
            staged.unlink(missing_ok=True)
        if self._uploads is not None:
            self._uploads.keep(clip_id)
        clip = read_clip(clip_id, self._images.locate_clip(clip_id))
        told = {"clip": clip.id, "width": clip.width, "height": clip.height}
        _log.info("video kept", extra={**told, "frames": len(clip.times_us)})
        return clip
