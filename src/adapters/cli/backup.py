"""`wan backup`: what a copy of the data directory holds."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A copy that was made. `files`: videos, images and resume points; the database is not counted."""

    target: Path
    files: int
    size_bytes: int


def show(made: Backup) -> None:
    """Print where it is and how to use it."""
    print(f"{made.target}  the queue, its history and {made.files} files, {made.size_bytes} bytes")
    print(f"To restore it: wan serve --data-dir {made.target}")
