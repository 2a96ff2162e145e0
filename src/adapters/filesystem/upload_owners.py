"""Owners of uploads as empty files beside them: `img_….key_….owner`."""

import re
from pathlib import Path
from typing import Final

from adapters.filesystem.durability import fsync_directory, storage_errors
from domain.ports import upload_owners

#: As `FilesystemImageStore` names them, and as keys are called: nothing else becomes part of a path.
_UPLOAD: Final = re.compile(r"(?:img|vid)_[0-9a-f]{64}")
_CLIENT: Final = re.compile(r"key_[0-9a-f]{12}")


class FilesystemUploadOwners(upload_owners.UploadOwners):
    """One folder, that of the uploads: a copy of it has the owners, too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, upload_id: str, client: str) -> None:
        with storage_errors("keep whose an upload is"):
            self._mark(upload_id, client).touch(mode=0o600)
            fsync_directory(self._folder)

    def owns(self, upload_id: str, client: str) -> bool:
        if not _UPLOAD.fullmatch(upload_id) or not _CLIENT.fullmatch(client):
            return False
        return self._mark(upload_id, client).is_file()

    def _mark(self, upload_id: str, client: str) -> Path:
        assert _UPLOAD.fullmatch(upload_id), "the store of images gave it"
        assert _CLIENT.fullmatch(client), "only keys own anything"
        return self._folder / f"{upload_id}.{client}.owner"
