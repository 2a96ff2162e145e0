"""A copy of a data directory that is in use."""

from pathlib import Path

from adapters.cli.backup import Backup
from adapters.filesystem.artifact_store import FilesystemArtifactStore
from adapters.filesystem.data_directory import DataDirectory
from adapters.sql.backup import copy_database, note_removals, videos_in
from adapters.sql.connections import database_file, url_of
from bootstrap.settings import Settings


def back_up(settings: Settings, target: Path) -> Backup:
    """Copy it to `target`, which is a data directory of its own then.

    The database comes first, and says which videos there are: what was published since is not taken, and what was
    removed since is said to be going. The folder gets its name last, so that half a copy has none.

    Raises:
        DataDirectoryUnusable: the data directory is not ours, or `target` holds something.
        DiskFull, StorageError: the copy cannot be written.
    """
    source = DataDirectory(Path(settings.data_dir))
    with source.copying_to(target) as partial:
        original = database_file(settings.database_url)
        copy_database(original, partial.database)
        videos = videos_in(partial.database)
        sizes = partial.take_files_from(source, videos)
        copied = FilesystemArtifactStore(staging=partial.staging, outputs=partial.outputs).survey()
        note_removals(partial.database, original, videos - set(copied.published))
    url = url_of(DataDirectory(target).database) if settings.database.url else ""
    return Backup(target=target, files=len(sizes), size_bytes=sum(sizes), database_url=url)
