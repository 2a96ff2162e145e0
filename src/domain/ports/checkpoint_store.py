"""Where checkpoints are put, looked after, and taken away."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from domain.checkpoint_manifest import FileFault, Report
from domain.repository import ListedFile, Listing
from domain.stored_checkpoint import Removal, StoredCheckpoint, UnfinishedTransfer


class Staging(ABC):
    """Files on their way into a checkpoint; nobody sees them before all are whole.

    What was received outlives a crash, and is there when a listing of the same files is staged again.
    """

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Where the settled files lie, by their names."""

    @abstractmethod
    def lacking(self) -> Sequence[ListedFile]:
        """The files of the listing that were not settled yet."""

    @abstractmethod
    def received_bytes(self, file: ListedFile) -> int:
        """How much of a lacking file is here, unproven."""

    @abstractmethod
    def receive(self, file: ListedFile, chunks: Iterable[bytes]) -> None:
        """Append to what is here of the file. What came before `chunks` raises is kept.

        Raises:
            DiskFull, StorageError: it could not be written.
        """

    @abstractmethod
    def settle(self, file: ListedFile, passed: Callable[[int], None]) -> FileFault | None:
        """Compare what was received with the listing, and keep it for good, durably, or drop it.

        Args:
            passed: told the bytes of each chunk that was read for it.

        Returns:
            What was wrong with what was dropped; None where the file is settled.
        """

    @abstractmethod
    def free_bytes(self) -> int:
        """What may still be written to the disk."""

    @abstractmethod
    def publish(self) -> None:
        """Make the checkpoint of the settled files visible, durably and at once.

        Where there is one already, the files take their places in it, each at once.

        Raises:
            CheckpointUnavailable: together they are not the checkpoint they were staged for.
            StorageError: they cannot be moved; nothing is lost.
        """


class Assembly(ABC):
    """A checkpoint made of files that are here; nobody sees it before it is whole.

    What is not published is gone when the context that gave it is left, and so is what it replaced.
    """

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Where files may be written; on the disk of the checkpoints."""

    @abstractmethod
    def link(self, name: str, file: Path) -> None:
        """Have the checkpoint's file `name` be `file`, which stays where it is.

        Raises:
            StorageError: it cannot be linked.
        """

    @abstractmethod
    def free_bytes(self) -> int:
        """What may still be written to the disk."""

    @abstractmethod
    def take(self, name: str, file: Path) -> None:
        """Have the checkpoint's file `name` hold what `file` holds, whatever becomes of that. Nothing is copied.

        Args:
            file: on the disk of the checkpoints; where it is a link, the checkpoint gets the same link.

        Raises:
            StorageError: it cannot be taken.
        """

    @abstractmethod
    def publish(
        self,
        report: Report,
        *,
        adopted_from: Sequence[str] = (),
        converted_from: Sequence[str] = (),
        recast: Sequence[str] = (),
    ) -> None:
        """Read every byte for the manifest, then make the checkpoint visible, durably and at once.

        One that replaces another comes from where that came from, and keeps what others put beside it. A
        transfer of it that was not finished is dropped.

        Args:
            recast: the parts whose weights were written anew.

        Raises:
            CheckpointUnavailable: the files are not that checkpoint.
            StorageError: they cannot be moved.
        """


class CheckpointStore(ABC):
    """One checkpoint per id. Blocking, some of it for minutes: call it off the event loop.

    Of every id that `domain.checkpoint` does not know, each method raises `UnknownCheckpoint`.
    """

    @abstractmethod
    def stored(self, checkpoint_id: str) -> StoredCheckpoint | None:
        """What lies there, usable or not, without reading a weight; None where nothing does.

        Raises:
            CheckpointBroken: its manifest is damaged.
        """

    @abstractmethod
    def verify(self, checkpoint_id: str, report: Report) -> Sequence[FileFault]:
        """Read every byte that its manifest names. Returns what is not as it should be.

        Raises:
            CheckpointMissing: it is not here.
            CheckpointUnverifiable: no manifest says what its files should be.
            CheckpointBroken: its manifest is damaged.
        """

    @abstractmethod
    def unfinished(self, checkpoint_id: str) -> UnfinishedTransfer | None:
        """The transfer that was staged and not published; None where there is none."""

    @abstractmethod
    def stage(self, checkpoint_id: str, listing: Listing) -> AbstractContextManager[Staging]:
        """Begin a transfer, or go on with one: of another listing's files, those that both have stay.

        Nobody else stages the same checkpoint until the context is left.

        Raises:
            CheckpointBusy: somebody does.
            DiskFull, StorageError: nothing can be written.
        """

    @abstractmethod
    def assemble(self, checkpoint_id: str) -> AbstractContextManager[Assembly]:
        """Begin to make a checkpoint of files that are here.

        Raises:
            PlaceTaken: it has files already, other than those that ship with Wan Studio.
            CheckpointBusy: somebody puts files there.
            DiskFull, StorageError: nothing can be written.
        """

    @abstractmethod
    def rework(self, checkpoint_id: str) -> AbstractContextManager[Assembly]:
        """Begin to make anew a checkpoint that is here; it is there, whole, until the new one takes its place.

        Raises:
            CheckpointMissing: it is not here.
            NotConvertible: its files are not Wan Studio's.
            CheckpointBusy: somebody puts files there.
            DiskFull, StorageError: nothing can be written, or the disk cannot replace a folder at once.
        """

    @abstractmethod
    def remove(self, checkpoint_id: str) -> Removal:
        """Take away what Wan Studio put there, an unfinished transfer included, and nothing else.

        What was adopted stays where it lies: only the links to it go. A crash in between leaves what
        can be removed again.

        Raises:
            CheckpointMissing: there is nothing to remove.
            NotRemovable: it ships with Wan Studio, or others put it there.
            CheckpointBusy: a transfer is under way.
            StorageError: a file cannot be removed.
        """
