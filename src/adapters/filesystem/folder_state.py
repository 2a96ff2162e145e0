"""Whether anything in a folder was touched, without reading a byte of it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeAlias

#: For each path below the folder: device, inode, size, and when content and metadata last changed.
FolderState: TypeAlias = Mapping[str, tuple[int, int, int, int, int]]

#: Nanoseconds. A file may change twice within one tick of its file system's clock; what changed less
#: than this ago might yet change again unseen. Two seconds is the coarsest tick there is (FAT).
_TICK_NS: Final = 2_000_000_000


def folder_state(folder: Path, *, now_ns: int) -> FolderState | None:
    """What equals itself as long as nobody touches the folder; None where that cannot be told.

    Links are followed, as whoever reads the folder does, each folder once.

    Args:
        now_ns: the wall clock, as files' times are told.
    """
    state: dict[str, tuple[int, int, int, int, int]] = {}
    settled_at = now_ns - _TICK_NS
    pending, entered = [str(folder)], set[tuple[int, int]]()
    try:
        while pending:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    told = entry.stat()
                    if told.st_ctime_ns > settled_at:
                        return None
                    identity = (told.st_dev, told.st_ino)
                    if entry.is_dir() and identity not in entered:
                        entered.add(identity)
                        pending.append(entry.path)
                    times = (told.st_mtime_ns, told.st_ctime_ns)
                    state[entry.path] = (*identity, told.st_size, *times)
    except OSError:
        return None  # whoever reads it will say what is wrong
    return state
