"""Image files for tests."""

from io import BytesIO
from typing import Any

from PIL import Image


def encoded(
    kind: str,
    size: tuple[int, int] = (48, 32),
    *,
    mode: str = "RGB",
    colour: Any = (200, 30, 60),
    **options: Any,
) -> bytes:
    """A flat picture as a file."""
    output = BytesIO()
    Image.new(mode, size, colour).save(output, kind, **options)
    return output.getvalue()
