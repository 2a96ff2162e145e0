"""`wan backup`: what a copy of the data directory holds."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from adapters.cli.files_progress import gib


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A copy that was made.

    Attributes:
        files: videos, images and resume points; the database is not counted.
        database_url: of the database in it, where a setting now names another; empty where none does.
    """

    target: Path
    files: int
    size_bytes: int
    database_url: str = ""


def show(made: Backup) -> None:
    """Print where it is and how to use it."""
    print(f"{made.target}  the queue, its history and {made.files} files, {gib(made.size_bytes)}")
    serve = shlex.join(["wan", "serve", "--data-dir", str(made.target)])
    if made.database_url:  # else the restored server would open the database that was copied
        serve = f"WAN_DATABASE__URL={shlex.quote(made.database_url)} {serve}"
    print(f"To restore it: {serve}")
