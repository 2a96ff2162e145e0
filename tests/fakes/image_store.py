"""Images in one folder, without the fsyncs."""

import hashlib
from pathlib import Path

from domain.errors import UnknownImage
from domain.ports.image_store import ImageStore


class FakeImageStore(ImageStore):
    """A file per image, named by its id."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, png: bytes) -> str:
        image_id = f"img_{hashlib.sha256(png).hexdigest()}"
        self._folder.mkdir(exist_ok=True)
        (self._folder / image_id).write_bytes(png)
        return image_id

    def sweep(self) -> None:
        for part in self._folder.glob("*.part"):
            part.unlink()

    def locate(self, image_id: str) -> Path:
        path = self._folder / image_id
        if not path.is_file():
            raise UnknownImage(f"No uploaded image has the id {image_id!r}.")
        return path
