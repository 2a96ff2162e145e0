"""Fill a data directory with finished videos, for the page's own measurements: `make measure-page`.

Run with: python benchmarks/gallery.py DATA_DIR VIDEOS
They are as many jobs and cards, all of them with the file's facts of the newest video that is there, so that
they share its pictures: those are kept by the file's hash. Nothing may run there meanwhile.
"""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.library import fill
from bootstrap.core_container import CoreContainer
from bootstrap.settings import load_settings


def main(folder: str, videos: int) -> None:
    settings = load_settings(overrides={"data_dir": folder}, environment={})
    path = CoreContainer(settings=settings).data_directory().database
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        found = connection.execute(
            "SELECT request, plan, state, video, finished_at FROM jobs WHERE video IS NOT NULL"
            " ORDER BY sequence DESC LIMIT 1"
        ).fetchone()
    if found is None:
        sys.exit("Make one video there first: the others show its pictures.")
    fill(path, videos, like=dict(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
