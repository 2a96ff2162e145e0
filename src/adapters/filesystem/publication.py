"""A folder that becomes visible under its name at once, and stays so across a power cut."""

import os
from pathlib import Path

from adapters.filesystem.durability import fsync_directory, fsync_file


def publish_folder(folder: Path, target: Path) -> None:
    """Rename `folder`, with all its own files made durable, to `target`, which must not be there.

    Raises:
        OSError: it cannot be done; `target` is not there then.
    """
    for current, _, files in os.walk(folder):
        for name in files:
            path = Path(current) / name
            if not path.is_symlink():
                fsync_file(path)
        fsync_directory(Path(current))
    folder.rename(target)
    fsync_directory(target.parent)
