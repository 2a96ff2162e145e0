"""The part that looks at what strangers upload."""

from abc import ABC, abstractmethod


class ImageReader(ABC):
    """Decodes images from anywhere, safely. Blocking: call it off the event loop."""

    @abstractmethod
    def to_png(self, data: bytes) -> bytes:
        """The picture in a PNG, JPEG or WebP file, judged by its content: upright, first frame only.

        Returns:
            A PNG file: RGB, 8 bits a sample, no metadata. The same picture gives the same bytes;
            transparency is laid on black.

        Raises:
            ImageUnusable: it is another format, damaged, or larger than the limits of `domain.image`.
        """
