"""A copy of a data directory that is in use."""

from pathlib import Path

from adapters.cli.backup import Backup
from adapters.filesystem.data_directory import DataDirectory
from adapters.sql.backup import copy_database
from adapters.sql.connections import database_file, url_of
from bootstrap.settings import Settings


def back_up(settings: Settings, target: Path) -> Backup:
    """Copy it to `target`, which is a data directory of its own then.

    The database comes first: every video that it says is there is there, as it was published before
    it was said, and is copied after. The folder gets its name last, so that half a copy has none.

    Raises:
        DataDirectoryUnusable: the data directory is not ours, or `target` holds something.
        DiskFull, StorageError: the copy cannot be written.
    """
    source = DataDirectory(Path(settings.data_dir))
    with source.copying_to(target) as partial:
        copy_database(database_file(settings.database_url), partial.database)
        sizes = partial.take_files_from(source)
    url = url_of(DataDirectory(target).database) if settings.database.url else ""
    return Backup(target=target, files=len(sizes), size_bytes=sum(sizes), database_url=url)
