"""The one directory in which a server keeps everything, and the lock that keeps a second one out.

<data_dir>/wan-studio.json   says what this directory is, and in which format
           lock              held by the running server
           keys.json         API keys, hashed; beside it, a lock of its own
           worker-N.lock     held by the worker of slot N
           jobs.db           the queue and its history; beside it, a lock of its own
           staging/          files of running attempts, private
           resume/           what unfinished runs have made so far, one file per job
           inputs/           images and clips that generations are made from, named by their hash
           outputs/          published videos, one per completed generation
           models/           checkpoints
           loras/            LoRAs, one safetensors file each or a pair for two experts
           excerpts/         pictures taken out of videos; made again where they are missing
           prompts/          what text encoders made of prompts; made again where it is missing
"""

import errno
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from adapters.filesystem.durability import fsync_directory, fsync_file, storage_errors
from adapters.filesystem.file_lock import FileLock
from domain.errors import DataDirectoryLocked, DataDirectoryUnusable, StorageError

#: Grows when an older version could no longer read what a newer one wrote.
FORMAT: Final = 1
_MARK: Final = "wan-studio.json"
_NEW_MARK: Final = "wan-studio.json.new"  # one that a full disk or a crash kept from becoming it
_NO_STRANGERS: Final = frozenset({"lost+found", _NEW_MARK})
#: What says where it is.
_NAMED_BY: Final = "--data-dir or WAN_DATA_DIR"


class DataDirectory:
    """The paths of a data directory. Making the object touches nothing; `prepare` does."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.database = root / "jobs.db"
        self.keys = root / "keys.json"
        self.staging = root / "staging"
        self.resume = root / "resume"
        self.inputs = root / "inputs"
        self.outputs = root / "outputs"
        self.models = root / "models"
        self.loras = root / "loras"
        self.prompts = root / "prompts"
        self.excerpts = root / "excerpts"
        self._lock = FileLock(root / "lock")

    def prepare(self) -> None:
        """Make the directory and its folders, or find that it is ours.

        Raises:
            DataDirectoryUnusable: it is another program's, a newer version's, or cannot be written.
        """
        with self._or_unusable():
            self.root.mkdir(parents=True, exist_ok=True)
            self._check_or_write_mark()
            for folder in (
                self.staging,
                self.resume,
                self.inputs,
                self.outputs,
                self.models,
                self.loras,
                self.prompts,
                self.excerpts,
            ):
                folder.mkdir(exist_ok=True)
            _refuse_read_only(self.root)

    def check(self) -> None:
        """Find that a server could use it, changing nothing.

        Raises:
            DataDirectoryUnusable: as `prepare` does, but for what only writing can tell.
        """
        with self._or_unusable():
            place = next(path for path in (self.root, *self.root.parents) if path.exists())
            if not place.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, f"{place} is no folder")
            _refuse_read_only(place)
            if place == self.root:
                self._is_marked()

    def find(self) -> None:
        """Find that it is there, for whoever only reads.

        Raises:
            DataDirectoryUnusable: there is none, or it is another program's or a newer version's.
        """
        with self._or_unusable():
            if not self.root.is_dir() or not self._is_marked():
                raise DataDirectoryUnusable(
                    f"There is no data directory at {self.root}: name it with {_NAMED_BY}."
                )

    @contextmanager
    def copying_to(self, target: Path) -> Iterator["DataDirectory"]:
        """A data directory to be filled, which becomes `target` once that went well.

        Raises:
            DataDirectoryUnusable: this one is not ours, or `target` holds something.
            DiskFull, StorageError: it cannot be written.
        """
        self.find()
        with storage_errors(f"copy the data directory to {target}"):
            if target.exists() and any(target.iterdir()):
                raise DataDirectoryUnusable(f"{target} is not empty: name another folder.")
            partial = DataDirectory(_new_folder_beside(target))
            try:
                partial.prepare()
                yield partial
                shutil.copymode(self.root, partial.root)
                partial.root.replace(target)
                fsync_directory(target.parent)
            except BaseException:
                shutil.rmtree(partial.root, ignore_errors=True)
                raise

    def take_files_from(self, other: "DataDirectory", videos: Set[str]) -> Sequence[int]:
        """Copy its images, resume points and the `videos` of these jobs, durably. Returns the size of each file in bytes.

        API keys come with them: they own what they asked for. A file that goes away meanwhile is not copied: whoever
        keeps it in a database has to look where it is.
        """
        sizes = []
        if other.keys.exists():
            fsync_file(Path(shutil.copy2(other.keys, self.keys)))
            fsync_directory(self.root)
        for theirs, ours in (
            (other.outputs, self.outputs),
            (other.inputs, self.inputs),
            (other.resume, self.resume),
        ):
            for path in sorted(theirs.iterdir()):
                if theirs == other.outputs and path.stem not in videos:
                    continue
                copy = ours / path.name
                try:
                    if not stat.S_ISREG(path.lstat().st_mode):
                        continue  # nothing of ours: a disk's own lost+found, perhaps
                    shutil.copy2(path, copy)
                except FileNotFoundError:
                    copy.unlink(missing_ok=True)
                    continue
                fsync_file(copy)
                sizes.append(copy.stat().st_size)
            fsync_directory(ours)
        return sizes

    def lock(self) -> None:
        """Keep other servers out until `unlock` or the death of this process.

        Raises:
            DataDirectoryLocked: another server holds it; the message has its process id.
            StorageError: the lock's file cannot be opened.
        """
        with storage_errors(f"lock the data directory {self.root}"):
            holder = self._lock.take()
        if holder is not None:
            raise DataDirectoryLocked(
                f"Another Wan Studio server (process {holder}) is using {self.root}. "
                "Stop it, or choose another directory with --data-dir."
            )

    def unlock(self) -> None:
        """Let others in. Without the lock, does nothing."""
        self._lock.release()

    def worker_lock(self, slot: int) -> FileLock:
        """What the worker of that slot holds for its life, so that no two share an accelerator."""
        return FileLock(self.root / f"worker-{slot}.lock")

    @contextmanager
    def _or_unusable(self) -> Iterator[None]:
        """What keeps it from being used, with a way out."""
        try:
            with storage_errors(f"use the data directory {self.root}"):
                yield
        except DataDirectoryUnusable:
            raise
        except StorageError as error:
            hint = f"Choose another with {_NAMED_BY}."
            raise DataDirectoryUnusable(f"{error.message} {hint}") from error

    def _check_or_write_mark(self) -> None:
        if self._is_marked():
            return
        new = self.root / _NEW_MARK
        new.write_text(json.dumps({"product": "wan-studio", "format": FORMAT}) + "\n")
        fsync_file(new)
        new.replace(self.root / _MARK)
        fsync_directory(self.root)

    def _is_marked(self) -> bool:
        """Whether it is ours already; one that is empty is ours to take."""
        mark = self.root / _MARK
        if mark.exists():
            self._check_mark(mark)
            return True
        strangers = sorted({p.name for p in self.root.iterdir()} - _NO_STRANGERS)
        if strangers:
            raise DataDirectoryUnusable(
                f"{self.root} is not empty and not Wan Studio's (it holds {strangers[0]!r}). "
                "Choose an empty directory with --data-dir or WAN_DATA_DIR."
            )
        return False

    def _check_mark(self, mark: Path) -> None:
        try:
            told = json.loads(mark.read_text())
            product, version = told["product"], int(told["format"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataDirectoryUnusable(f"{mark} is damaged: it does not read as JSON.") from error
        if product != "wan-studio":
            raise DataDirectoryUnusable(f"{self.root} belongs to {product!r}, not to Wan Studio.")
        if version > FORMAT:
            raise DataDirectoryUnusable(
                f"{self.root} was written by a newer Wan Studio (format {version}; this one reads "
                f"up to {FORMAT}). Upgrade, or choose another directory with --data-dir."
            )


def _refuse_read_only(folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, f"{folder} is read-only for this user")


def _new_folder_beside(target: Path) -> Path:
    """An empty one that nobody else uses, on the same file system."""
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{target.name}.", suffix=".partial", dir=target.parent))
