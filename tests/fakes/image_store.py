"""Images and clips in one folder, without the fsyncs."""

import hashlib
import tempfile
from pathlib import Path

from domain.errors import UnknownImage, UnknownVideo
from domain.inputs import told_of_no_upload
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
        if not image_id.startswith("img_") or not path.is_file():
            raise UnknownImage(told_of_no_upload("image", image_id))
        return path

    def stage_clip(self) -> Path:
        self._folder.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".part", delete=False) as staged:
            return Path(staged.name)

    def keep_clip(self, staged: Path) -> str:
        clip_id = f"vid_{hashlib.sha256(staged.read_bytes()).hexdigest()}"
        staged.replace(self._folder / clip_id)
        return clip_id

    def locate_clip(self, clip_id: str) -> Path:
        path = self._folder / clip_id
        if not clip_id.startswith("vid_") or not path.is_file():
            raise UnknownVideo(told_of_no_upload("video", clip_id))
        return path
