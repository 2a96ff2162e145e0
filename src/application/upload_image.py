"""Take an image that later generations begin or end with."""

import logging

from application.disk_gate import DiskGate
from application.own_uploads import OwnUploads
from domain.clip import is_video
from domain.errors import ImageUnusable
from domain.image import InputImage, png_size
from domain.ports.image_reader import ImageReader
from domain.ports.image_store import ImageStore

_log = logging.getLogger(__name__)


class UploadImage:
    """Keeps the picture, never the file it came in."""

    def __init__(
        self,
        reader: ImageReader,
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

    def execute(self, data: bytes) -> InputImage:
        """The image, durable under its id; the same picture again is the same image. Blocks.

        Raises:
            ImageUnusable: it is not a picture that can be used.
            DiskFull: it cannot be kept.
        """
        if self._gate is not None:
            self._gate.refuse_if_full()
        if is_video(data):
            raise ImageUnusable("This is a video, and a picture is wanted here: PNG, JPEG or WebP.")
        image_id = self._images.keep(self._reader.to_png(data))
        if self._uploads is not None:
            self._uploads.keep(image_id)
        width, height = png_size(self._images.locate(image_id))
        _log.info("image kept", extra={"image": image_id, "width": width, "height": height})
        return InputImage(id=image_id, width=width, height=height)
